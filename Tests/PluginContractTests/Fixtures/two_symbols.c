/* two_symbols.c - a correct driver that exports a second symbol. */
#define _GNU_SOURCE
#define PLUGIN_NAME "two-symbols"
#define COMPONENTS "{\"name\":\"two-symbols\",\"interface\":\"moor.storage/1\"}"
#include "memory.h"

__attribute__((visibility("default"))) int helper_that_should_be_hidden(void);
int helper_that_should_be_hidden(void) {
    return 1;
}
