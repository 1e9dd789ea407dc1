/* Failures in words. */
#include "dtls.h"

#include <openssl/err.h>

/* Says what failed and, if OpenSSL did, its own words for it: the first error in the thread's queue,
 * which caused those behind it. */
hc_status fail(const hc_call *call, hc_status status, const char *what) {
    const unsigned long error = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
                                                 : ERR_reason_error_string(error);
    return hc_failf(call, status, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}
