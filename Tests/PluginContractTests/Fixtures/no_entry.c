/* no_entry.c - a shared library without moor_plugin_entry. */
__attribute__((visibility("default"))) int some_other_function(void);
int some_other_function(void) {
    return 0;
}
