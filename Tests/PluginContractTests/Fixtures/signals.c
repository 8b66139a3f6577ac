/* signals.c - a correct driver, but for its entry: it changes signal dispositions and the thread's signal mask, which
 * belong to the host. */
#define _GNU_SOURCE
#include <signal.h>

static void change_signals(void);
#define PLUGIN_NAME "signals"
#define COMPONENTS "{\"name\":\"signals\",\"interface\":\"moor.storage/1\"}"
#define ENTRY_HOOK(out) ((void)(out), change_signals())
#include "memory.h"

static void ignore(int signal) {
    (void)signal;
}
static void change_signals(void) {
    struct sigaction action = {.sa_handler = ignore};
    sigset_t blocked;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}
