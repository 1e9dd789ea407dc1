/* Every kind of option, and `load`. Finishes in `init` if all came as the contract says: `tests/compat` gives
 * count=+7, loud=true, word=one, word=two, secret=s and, as file, a file that is not empty. */
#include "handclasp.h"
#include <stdio.h>

static int loaded;

static hc_status load(void) {
    loaded++;
    return HC_PENDING;
}

static void unload(void) {
    loaded--;
}

static int is(const hc_bytes *value, const char *expected) {
    return value && value->len == strlen(expected) && memcmp(value->data, expected, value->len) == 0;
}

static size_t times(const hc_init *init, const char *key) {
    size_t found = 0;
    for (size_t i = 0; i < init->option_count; i++)
        found += is(&init->options[i].key, key);
    return found;
}

static int is_read(const hc_bytes *path) {
    char name[4096] = "";
    if (!path || path->len >= sizeof name)
        return 0;
    memcpy(name, path->data, path->len);
    FILE *file = fopen(name, "rb");
    const int byte = file ? getc(file) : EOF;
    if (file)
        fclose(file);
    return byte != EOF;
}

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call, void **instance) {
    (void)instance;
    uint8_t random[16];
    if (loaded != 1 || init->component_id < 1 || init->component_id > init->component_count)
        return hc_fail(call, HC_ERROR_BAD_STATE, "load or the component is wrong");
    if (!is(hc_find_option(init, "text"), "by default") || !is(hc_find_option(init, "count"), "7") ||
        !is(hc_find_option(init, "loud"), "true") || !is(hc_find_option(init, "secret"), "s"))
        return hc_fail(call, HC_ERROR_OPTION, "an option is not as it was given");
    if (!is_read(hc_find_option(init, "file")))
        return hc_fail(call, HC_ERROR_OPTION, "the file cannot be read");
    if (!is(hc_find_option(init, "word"), "one") || times(init, "word") != 2 || times(init, "none"))
        return hc_fail(call, HC_ERROR_OPTION, "a repeated option is not as it was given");
    if (host->random(host, random, sizeof random) != HC_PENDING)
        return hc_fail(call, HC_ERROR_INTERNAL, "there is no randomness");
    hc_log(host, HC_LOG_DEBUG, "all is as it was given");
    if (host->keylog_enabled(host))
        host->keylog(host, hc_text("CLIENT_RANDOM 00 00"));
    return HC_FINISHED;
}

static hc_status never(void *instance, const hc_call *call) {
    (void)instance;
    return hc_fail(call, HC_ERROR_BAD_STATE, "called after the finish in init");
}

static hc_status never_hear(void *instance, hc_bytes datagram, const hc_call *call) {
    (void)datagram;
    return never(instance, call);
}

static void destroy(void *instance) {
    (void)instance;
}

static const hc_option options[] = {
    { "text", "by default", "A string with a default", HC_OPTION_STRING, 0 },
    { "count", NULL, "An integer", HC_OPTION_INTEGER, 0 },
    { "loud", "false", "A boolean", HC_OPTION_BOOLEAN, 0 },
    { "word", NULL, "Several strings", HC_OPTION_STRING, HC_OPTION_REPEATED },
    { "none", NULL, "A string without a value", HC_OPTION_STRING, 0 },
    { "secret", NULL, "A string nobody sees", HC_OPTION_STRING, HC_OPTION_REQUIRED | HC_OPTION_SECRET },
    { "file", NULL, "A file", HC_OPTION_FILE, HC_OPTION_REQUIRED },
};

HC_PLUGIN("options", "1.0.0", HC_NEEDS_SYSTEM,
    HC_ABOUT("Options", "Handclasp", "MIT", "Takes options of every kind"),
    HC_DATA_TYPES(NULL, NULL),
    HC_OPTIONS(options),
    HC_NO_EXTENSIONS,
    HC_FUNCTIONS_AND_LOAD(load, unload, init, never, never_hear, destroy));
