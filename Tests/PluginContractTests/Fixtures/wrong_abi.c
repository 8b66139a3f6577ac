/* wrong_abi.c - a working plugin that says it was compiled for major version 9 of the ABI. */
#define _GNU_SOURCE
#define PLUGIN_NAME "wrong-abi"
#define COMPONENTS "{\"name\":\"wrong-abi\",\"interface\":\"moor.storage/1\"}"
#define ENTRY_HOOK(out) ((out)->abi_rev = 9u << 16)
#include "memory.h"
