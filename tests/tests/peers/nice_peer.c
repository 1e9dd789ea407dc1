/* libnice behind the JSON lines of docs/json-lines.md.
 *
 * Its own session descriptions have no v= line: what is signalled are credentials and candidates.
 * Beside the events of a stream it tells component_state_connecting, and it tells component_state_ready
 * each time ICE concludes, so again after a restart. */
#include <json-glib/json-glib.h>
#include <nice/agent.h>
#include <stdio.h>

static gboolean controlling, aggressive, lite, no_udp;
static gint components = 1;
static const GOptionEntry options[] = {
    {"controlling", 0, 0, G_OPTION_ARG_NONE, &controlling, "Begin in the controlling role", NULL},
    {"aggressive", 0, 0, G_OPTION_ARG_NONE, &aggressive, "Nominate each pair (RFC 5245)", NULL},
    {"lite", 0, 0, G_OPTION_ARG_NONE, &lite, "Answer checks only", NULL},
    {"no-udp", 0, 0, G_OPTION_ARG_NONE, &no_udp, "Use ICE-TCP only (RFC 6544)", NULL},
    {"components", 0, 0, G_OPTION_ARG_INT, &components, "ICE components", "N"},
    {0},
};

static GMainLoop *loop;
static NiceAgent *agent;
static guint stream;
/* This side has restarted, and waits for the peer's new credentials. */
static gboolean restarting;
static gchar *peer_ufrag;

/* No value that is said has characters that JSON escapes. */
G_GNUC_PRINTF(1, 2) static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void say_of(guint component, const char *event) {
    say("{\"event\":\"%s\",\"component_id\":%u}", event, component);
}

static void say_credentials(void) {
    g_autofree gchar *ufrag = NULL, *pwd = NULL;
    if (!nice_agent_get_local_credentials(agent, stream, &ufrag, &pwd))
        g_error("libnice has no credentials");
    say("{\"event\":\"local_credentials\",\"credentials\":\"%s %s\"}", ufrag, pwd);
}

static void say_candidate(NiceCandidate *candidate) {
    g_autofree gchar *line = nice_agent_generate_local_candidate_sdp(agent, candidate);
    say("{\"event\":\"new_candidate_full\",\"component_id\":%u,\"candidate\":\"%s\"}",
        candidate->component_id, line + strlen("a="));
}

static void say_gathered(void) {
    say("{\"event\":\"candidate_gathering_done\"}");
}

/* Local candidates stay, and the peer hears them again under the new credentials. */
static void restart(void) {
    nice_agent_restart_stream(agent, stream);
    say_credentials();
    for (gint component = 1; component <= components; component++) {
        GSList *candidates = nice_agent_get_local_candidates(agent, stream, (guint)component);
        for (GSList *each = candidates; each; each = each->next)
            say_candidate(each->data);
        g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
    }
    say_gathered();
}

static void on_candidate(NiceAgent *of, NiceCandidate *candidate, gpointer data) {
    (void)of, (void)data;
    say_candidate(candidate);
}

static void on_gathered(NiceAgent *of, guint id, gpointer data) {
    (void)of, (void)id, (void)data;
    say_gathered();
}

static void on_state(NiceAgent *of, guint id, guint component, guint state, gpointer data) {
    (void)of, (void)id, (void)data;
    switch (state) {
    case NICE_COMPONENT_STATE_CONNECTING:
        say_of(component, "component_state_connecting");
        break;
    case NICE_COMPONENT_STATE_READY:
        say_of(component, "component_state_ready");
        break;
    case NICE_COMPONENT_STATE_FAILED:
        say_of(component, "component_state_failed");
        break;
    }
}

static void on_datagram(NiceAgent *of, guint id, guint component, guint length, gchar *bytes,
                        gpointer data) {
    (void)of, (void)id, (void)data;
    g_autofree gchar *payload = g_base64_encode((const guchar *)bytes, length);
    say("{\"event\":\"ice_payload\",\"component_id\":%u,\"payload\":\"%s\"}", component, payload);
}

static const gchar *text(JsonObject *message, const char *field) {
    return json_object_get_string_member(message, field);
}

static guint component_of(JsonObject *message) {
    return (guint)json_object_get_int_member(message, "component_id");
}

static void set_credentials(JsonObject *message) {
    g_auto(GStrv) words = g_strsplit(text(message, "credentials"), " ", 2);
    const gboolean changed = peer_ufrag && g_strcmp0(peer_ufrag, words[0]) != 0;
    if (changed && !restarting)
        restart(); /* the peer restarted: so does this side (RFC 8445, section 9) */
    if (changed)
        restarting = FALSE;
    g_free(peer_ufrag);
    peer_ufrag = g_strdup(words[0]);
    if (!nice_agent_set_remote_credentials(agent, stream, words[0], words[1]))
        g_error("libnice refuses the credentials");
}

static void set_candidate(JsonObject *message) {
    g_autofree gchar *line = g_strconcat("a=", text(message, "candidate"), NULL);
    NiceCandidate *candidate = nice_agent_parse_remote_candidate_sdp(agent, stream, line);
    if (!candidate)
        g_error("libnice does not understand %s", line);
    GSList *candidates = g_slist_prepend(NULL, candidate);
    if (nice_agent_set_remote_candidates(agent, stream, component_of(message), candidates) != 1)
        g_error("libnice refuses %s", line);
    g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
}

static void send_payload(JsonObject *message) {
    gsize length;
    g_autofree guchar *payload = g_base64_decode(text(message, "payload"), &length);
    const gint sent = nice_agent_send(agent, stream, component_of(message), (guint)length,
                                      (const gchar *)payload);
    if (sent != (gint)length)
        say_of(component_of(message), "could_not_send_payload");
}

static void obey(JsonObject *message) {
    const gchar *name = text(message, "message");
    if (g_str_equal(name, "set_remote_credentials")) {
        set_credentials(message);
    } else if (g_str_equal(name, "set_remote_candidate")) {
        set_candidate(message);
    } else if (g_str_equal(name, "peer_candidate_gathering_done")) {
        nice_agent_peer_candidate_gathering_done(agent, stream);
    } else if (g_str_equal(name, "restart_stream")) {
        restarting = TRUE;
        restart();
    } else if (g_str_equal(name, "send_payload")) {
        send_payload(message);
    } else if (g_str_equal(name, "stop")) {
        g_main_loop_quit(loop);
    } /* there is no handshake whose init data could be set */
}

static gboolean on_line(GIOChannel *input, GIOCondition condition, gpointer data) {
    (void)condition, (void)data;
    g_autofree gchar *line = NULL;
    if (g_io_channel_read_line(input, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(loop);
        return G_SOURCE_REMOVE;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_from_string(line, &error);
    if (!node)
        g_error("no JSON: %s", error->message);
    obey(json_node_get_object(node));
    return G_SOURCE_CONTINUE;
}

static NiceAgentOption agent_options(void) {
    NiceAgentOption chosen = NICE_AGENT_OPTION_ICE_TRICKLE | NICE_AGENT_OPTION_CONSENT_FRESHNESS;
    if (!aggressive)
        chosen |= NICE_AGENT_OPTION_REGULAR_NOMINATION;
    if (lite)
        chosen |= NICE_AGENT_OPTION_LITE_MODE;
    return chosen;
}

int main(int count, char **words) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &count, &words, &error))
        g_error("%s", error->message);

    loop = g_main_loop_new(NULL, FALSE);
    agent = nice_agent_new_full(NULL, NICE_COMPATIBILITY_RFC5245, agent_options());
    g_object_set(agent, "controlling-mode", controlling, "upnp", FALSE, "ice-udp", !no_udp, NULL);
    g_signal_connect(agent, "new-candidate-full", G_CALLBACK(on_candidate), NULL);
    g_signal_connect(agent, "candidate-gathering-done", G_CALLBACK(on_gathered), NULL);
    g_signal_connect(agent, "component-state-changed", G_CALLBACK(on_state), NULL);
    stream = nice_agent_add_stream(agent, (guint)components);
    for (gint component = 1; component <= components; component++)
        nice_agent_attach_recv(agent, stream, (guint)component, NULL, on_datagram, NULL);

    GIOChannel *input = g_io_channel_unix_new(fileno(stdin));
    g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_line, NULL);
    say_credentials();
    if (!nice_agent_gather_candidates(agent, stream))
        g_error("libnice finds no local address");
    g_main_loop_run(loop);

    g_object_unref(agent);
    say("{\"event\":\"stopped\"}");
    return 0;
}
