/* bad_info.c - a working plugin whose info_json is wrong; -DBAD_INFO=n tells how (default 0). */
#define _GNU_SOURCE
#ifndef BAD_INFO
#define BAD_INFO 0
#endif
#define PLUGIN_NAME "bad-info"
#define COMPONENTS "{\"name\":\"bad-info\",\"interface\":\"moor.storage/1\"}"
#define TEXT(t) ((moor_bytes){(const uint8_t *)(t), sizeof(t) - 1})
#define ENTRY_HOOK(out) ((out)->info_json = bad_info((out)->info_json))
#include "mooring/plugin.h"

static moor_bytes bad_info(moor_bytes good) {
    switch (BAD_INFO) {
    case 0: /* truncated */
        return (moor_bytes){good.ptr, good.len - 1};
    case 1: /* not UTF-8 */
        return TEXT("{\"name\":\"bad\xff\",\"version\":\"1\",\"components\":[]}");
    case 2: /* no name */
        return TEXT("{\"version\":\"1\",\"components\":[]}");
    case 3: /* not an object */
        return TEXT("[1,2,3]");
    case 4: /* empty */
        return (moor_bytes){0};
    case 5: /* a length without bytes */
        return (moor_bytes){NULL, 100};
    case 6: /* a length that nothing has; the bytes behind it aren't there */
        return (moor_bytes){good.ptr, (size_t)1 << 40};
    case 7: /* components are no list */
        return TEXT("{\"name\":\"bad-info\",\"version\":\"1\",\"components\":\"bad-info\"}");
    default: /* a component with an interface that nobody knows */
        return TEXT("{\"name\":\"bad-info\",\"version\":\"1\",\"components\":[{\"name\":\"bad-info\",\"interface\":"
                    "\"moor.storage/999\"}]}");
    }
}
#include "memory.h"
