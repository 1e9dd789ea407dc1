/* What the header's shorthand does, seen from where a host stands. Ends with 0 if all is as it should be. */
#include "handclasp.h"

static char said[1024];

static hc_status hear(const hc_call *call, hc_bytes sentence) {
    (void)call;
    if (sentence.len >= sizeof said)
        return HC_ERROR_INTERNAL;
    memcpy(said, sentence.data, sentence.len);
    said[sentence.len] = 0;
    return HC_PENDING;
}

int main(void) {
    hc_call call;
    memset(&call, 0, sizeof call);
    call.error = hear;

    if (hc_fail(&call, HC_ERROR_OPTION, "100 %s") != HC_ERROR_OPTION || strcmp(said, "100 %s") != 0)
        return 1;
    const size_t size = 70000;
    if (hc_failf(&call, HC_ERROR_BAD_STATE, "%s: %zu bytes", "key", size) != HC_ERROR_BAD_STATE ||
        strcmp(said, "key: 70000 bytes") != 0)
        return 2;

    char line[600];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    hc_failf(&call, HC_ERROR_INTERNAL, "%s", line);
    return strlen(said) == 511 && strspn(said, "x") == 511 ? 0 : 3;
}
