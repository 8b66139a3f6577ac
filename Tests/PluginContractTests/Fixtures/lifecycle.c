/* lifecycle.c - a correct driver that tells in the log what is done with it. Component `lifecycle`; the start of
 * `hang-start` and the stop of `hang-stop` never come to an end. */
#include "mooring/plugin.h"

#include <string.h>
#include <unistd.h>

static const moor_host *lifecycle_host;
static void say(const char *event) {
    const moor_str id = {MOOR_SVC_LOG, strlen(MOOR_SVC_LOG)};
    const moor_svc_log *log = lifecycle_host->get_service(lifecycle_host->obj, id);
    log->write(log->obj, MOOR_LOG_INFO, (moor_str){0}, (moor_str){event, strlen(event)}, NULL, 0);
}
static void hang(void) {
    for (;;)
        pause();
}

#define PLUGIN_NAME "lifecycle"
#define COMPONENTS                                                                                                     \
    "{\"name\":\"lifecycle\",\"interface\":\"moor.storage/1\"},"                                                       \
    "{\"name\":\"hang-start\",\"interface\":\"moor.storage/1\"},"                                                      \
    "{\"name\":\"hang-stop\",\"interface\":\"moor.storage/1\"}"
#define START_HOOK(m) (say("start"), strcmp((m)->component, "hang-start") == 0 ? hang() : (void)0, MOOR_OK)
#define STOP_HOOK(m) (say("stop"), strcmp((m)->component, "hang-stop") == 0 ? hang() : (void)0)
#define DESTROY_HOOK() say("destroy")
#define ENTRY_HOOK(out) (lifecycle_host = host, say("entry"), (out)->teardown = lifecycle_teardown)
static void lifecycle_teardown(void *obj) {
    (void)obj;
    say("teardown");
}
#include "memory.h"
