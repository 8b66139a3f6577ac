/* entry_crash.c - the entry kills its process: with -DCRASH=1 by SIGSEGV, else by abort(). */
#include "mooring/plugin.h"

#include <signal.h>
#include <stdlib.h>

#ifndef CRASH
#define CRASH 0
#endif

moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    (void)host, (void)out;
    if (CRASH == 1)
        raise(SIGSEGV);
    abort();
}
