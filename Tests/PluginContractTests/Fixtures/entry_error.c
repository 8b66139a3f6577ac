/* entry_error.c - the entry refuses, with -DCODE=n (default: MOOR_E_VERSION). */
#include "mooring/plugin.h"

#ifndef CODE
#define CODE MOOR_E_VERSION
#endif

moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    (void)host, (void)out;
    return CODE;
}
