#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

std::string who(ref r) { return r ? to_string(r) : "(unnamed)"; }
std::string subject(event const& e) { return who(e.id); }

std::string shown(value const& v) {
    switch (v.is) {
    case value::type::integer: return std::to_string(v.integer);
    case value::type::boolean: return v.integer ? "true" : "false";
    case value::type::text: return printable(v.text);
    case value::type::id: return who(v.id);
    case value::type::ids: break;
    }
    std::string list;
    for (ref r : v.ids) list += (list.empty() ? "" : ", ") + who(r);
    return list.empty() ? "none" : list;
}

// Returns the detail between two pieces of text, or "" if the event has no such detail or its text is empty.
std::string with(event const& e, std::string_view before, std::string_view key, std::string_view after = {}) {
    value const* v = e.find(key);
    if (!v || (v->is == value::type::text && v->text.empty())) return {};
    return std::string(before) + shown(*v) + std::string(after);
}
std::string quoted(event const& e, std::string_view before, std::string_view key) {
    return with(e, std::string(before) + "\"", key, "\"");
}
// "1 connection", "2 connections"
std::string how_many(event const& e, std::string_view before, std::string_view key, std::string_view what) {
    value const* v = e.find(key);
    if (!v || v->is != value::type::integer) return with(e, before, key);
    return std::string(before) + std::to_string(v->integer) + " " + std::string(what) + (v->integer == 1 ? "" : "s");
}
std::string in_parent(event const& e, std::string_view before) {
    return e.parent ? std::string(before) + who(e.parent) : std::string();
}
std::string caller(event const& e) { return e.by ? " by " + who(e.by) : std::string(); }

std::string every_detail(event const& e) {
    std::string out;
    for (field const& f : e.detail) out += (out.empty() ? ": " : ", ") + printable(f.key) + " " + shown(f.val);
    return out;
}

std::string refs_drop(event const& e) {
    value const* v = e.find("refs");
    if (!v || v->is != value::type::integer) return {};
    return ": refs " + std::to_string(v->integer + 1) + " → " + std::to_string(v->integer);
}

std::string resumed(event const& e) {
    std::string_view const with_what = e.text("with");
    return subject(e) + " resumes" + (with_what.empty() || with_what == "value" ? "" : " with " + printable(with_what));
}

// The bundled servers have a single error, named "error"; other servers give a text.
std::string error_text(event const& e) { return e.text("error") == "error" ? "" : quoted(e, " ", "error"); }

// An ordinary error climbs to the scope, a cancellation does not. The phrase says which of the two it is.
std::string finished(event const& e) {
    std::string_view const result = e.text("result");
    if (result == "failed") return subject(e) + " fails with an error" + error_text(e) + " (not a cancellation)";
    if (result == "never ran") return subject(e) + " ends without having run";
    return subject(e) + " ends" + (result.empty() ? "" : ": " + printable(result)) + error_text(e);
}

std::string caught(event const& e) {
    value const* handled = e.find("handled");
    std::string const fate = !handled ? "" : handled->integer ? ", which handles it" : ", which has no handler";
    return "the error" + error_text(e) + with(e, " of ", "from") + " reaches " + subject(e) + fate;
}

std::string notified(event const& e) {
    value const* n = e.find("listeners");
    std::string const to = !n || n->is != value::type::integer ? " notifies its listeners"
        : n->integer == 0                                      ? " has no listener to notify"
                          : " notifies " + counted(static_cast<std::uint64_t>(n->integer), "listener");
    value const* error = e.find("error");
    return subject(e) + to + (!error ? "" : error->text.empty() ? ": it has ended" : ": " + shown(*error));
}

std::string disposed_with(event const& e) {
    value const* live = e.find("live");
    bool const inside = live && live->is == value::type::ids && !live->ids.empty();
    return "the disposal of " + subject(e) + " begins" + with(e, ", refs ", "refs") +
        (inside ? with(e, ", with ", "live", " inside") : "");
}

// A process has no stop() to call: it is asked by a command or over HTTP.
std::string stopped_by(event const& e) {
    if (e.id.type != entity::process)
        return "stop() is called on " + subject(e) + caller(e) + (e.integer("second") ? ", again" : "");
    std::string_view const how = e.text("how");
    return subject(e) + " is asked to stop" +
        (how == "http"             ? " over HTTP"
                : how == "command" ? " by a command"
                                   : with(e, " by ", "how")) +
        (e.integer("second") ? ", again" : "");
}

std::string asserted(event const& e) {
    return "assertion failed" + (e.id ? " on " + subject(e) : "") + quoted(e, ": ", "message") +
        with(e, " at ", "file") + with(e, ":", "line") + with(e, ", still inside: ", "live");
}

std::string lost_response(event const& e) {
    if (e.text("how") == "unreadable")
        return subject(e) + " can't read the response to" + with(e, " ", "request") + with(e, ": ", "why");
    return subject(e) +
        (e.find("request") ? with(e, " gets no complete response to ", "request") : " loses its connection") +
        with(e, ": ", "how") + with(e, " after ", "received", " bytes");
}

std::string sent(event const& e) {
    std::string_view const part = e.text("part");
    std::string const what = e.find("request") ? with(e, " ", "request") : " a request";
    std::string const which = part == "head-half" ? " half of the head of"
        : part == "head"                          ? " the head of"
        : part == "body-half"                     ? " the head and half of the body of"
        : part == "rest"                          ? " the rest of"
                                                  : "";
    return subject(e) + " has sent" + which + what + with(e, ", ", "bytes", " bytes") +
        (e.integer("frozen") ? ", to a frozen server" : "");
}

std::string signalled(event const& e) {
    std::string const what = e.find("signal") ? with(e, "", "signal") : "a signal";
    value const* graceful = e.find("graceful");
    return what + (graceful && !graceful->integer ? ", which is not the graceful signal," : "") + " is sent to " +
        subject(e) + (e.integer("second") ? ", as a second stop" : "");
}

std::string disposition(event const& e) {
    std::string const what = e.find("signal") ? with(e, "", "signal") : "the stop signal";
    return subject(e) +
        (e.integer("blocked")            ? " blocks "
                : e.integer("ignored")   ? " ignores "
                : e.integer("caught", 1) ? " catches "
                                         : " does not catch ") +
        what;
}

std::string files(event const& e) {
    std::string const when = e.text("when") == "ready" ? " when ready"
        : e.text("when") == "drained"                  ? " when drained"
                                                       : "";
    return subject(e) + " has" + how_many(e, " ", "open", "file descriptor") + " open" + when +
        (e.integer("close_wait") ? how_many(e, ", and ", "close_wait", "connection") + " in CLOSE_WAIT" : "");
}

std::string exited(event const& e) {
    if (!e.text("signal").empty()) return subject(e) + " dies of " + printable(e.text("signal"));
    return subject(e) + " exits" + with(e, " with status ", "status");
}

// "reload"
std::string act_name(event const& e) {
    std::string_view const name = e.text("act");
    return name.empty() ? "act" : printable(name);
}

std::string port_state(event const& e) {
    value const* listening = e.find("listening");
    std::string const port = "port" + with(e, " ", "port");
    if (!listening) return port + " was checked";
    return listening->integer ? "a socket still listens on " + port : port + " is released";
}

// A buffered stream is named together with its connection.
std::string stream(event const& e) { return subject(e) + in_parent(e, " of "); }

std::string queued(event const& e) {
    bool const nothing = e.find("bytes") && e.integer("bytes") == 0, drain = e.integer("drain") != 0;
    if (nothing && drain) return stream(e) + " queues a callback for its next drain, and no bytes";
    return stream(e) + " queues" + with(e, " ", "bytes", " bytes") +
        (drain ? " and a callback for when they are written" : "");
}

std::string drained(event const& e) {
    value const* n = e.find("subscribers");
    if (n && n->is == value::type::integer && n->integer == 0)
        return stream(e) + " is drained and has no subscriber to notify";
    return stream(e) + " is drained" + how_many(e, " and notifies ", "subscribers", "subscriber");
}

std::string closed_gracefully(event const& e) {
    return stream(e) + " is asked to close gracefully" +
        (e.integer("writing") ? ": it waits until its data is written" : "");
}

std::string served(event const& e) {
    return subject(e) + " serves" + (e.find("handle") ? with(e, " ", "handle") : " a handle") +
        with(e, " before ", "before") + with(e, " (tick ", "tick", ")");
}

std::string entered(event const& e) {
    return "a callback" + in_parent(e, " of ") + " calls" +
        (e.find("method") ? with(e, " ", "method") + " of" : std::string()) + " " + subject(e);
}

std::string loop_ended(event const& e) {
    std::string out = subject(e) + " ends" + with(e, ": ", "why");
    if (e.integer("timers")) out += how_many(e, ", ", "timers", "user timer") + " dropped";
    if (e.integer("queued")) out += how_many(e, ", ", "queued", "queued callback") + " dropped";
    if (e.integer("writing")) out += how_many(e, ", ", "writing", "stream") + " still writing";
    return out;
}

std::string anything(event const& e) {
    return (e.id ? subject(e) : std::string("-")) + in_parent(e, " in ") + every_detail(e);
}

using words = std::string (*)(event const&);
struct row {
    kind what;
    words say;
};

constexpr row table[] = {
    {kind::server_open,
        [](event const& e) { return subject(e) + " is created" + with(e, ": ", "name") + with(e, ", ", "policy"); }},
    {kind::server_listen, [](event const& e) { return subject(e) + " listens" + with(e, " on port ", "port"); }},
    {kind::server_ready, [](event const& e) { return subject(e) + " accepts connections"; }},
    {kind::server_close, [](event const& e) { return subject(e) + " no longer accepts connections"; }},
    {kind::server_stopped, [](event const& e) { return subject(e) + " reports that it has stopped"; }},
    {kind::server_destroy,
        [](event const& e) {
            return "the destruction of " + subject(e) + " begins" + how_many(e, ", with ", "connections", "connection");
        }},
    {kind::server_free, [](event const& e) { return subject(e) + " is freed"; }},
    {kind::act_stop, stopped_by},
    {kind::act_free, [](event const& e) { return "free() is called on " + subject(e) + caller(e); }},
    {kind::act_return, [](event const& e) { return "the call on " + subject(e) + " returns"; }},
    {kind::act_begin,
        [](event const& e) { return "the " + act_name(e) + " of " + subject(e) + " begins" + with(e, ": ", "how"); }},
    {kind::act_effect,
        [](event const& e) {
            return "the new generation serves" + with(e, ": ", "by") + (e.id.number > 1 ? ", " + subject(e) : "");
        }},
    {kind::act_end,
        [](event const& e) {
            return "the " + act_name(e) + " of " + subject(e) + " is over" +
                (e.integer("effect", 1) ? "" : " without an effect");
        }},
    {kind::scope_open,
        [](event const& e) {
            return subject(e) + " opens" + in_parent(e, " in ") + with(e, ": ", "name") + with(e, ", ", "mode");
        }},
    {kind::scope_attach,
        [](event const& e) {
            return with(e, "", "listener", " listens to ") + subject(e) + with(e, ", holds ", "holds") +
                with(e, ", refs ", "refs");
        }},
    {kind::scope_cancel,
        [](event const& e) { return "a cancel request reaches " + subject(e) + with(e, ", ", "mode"); }},
    {kind::scope_cancelled, [](event const& e) { return subject(e) + " is marked cancelled"; }},
    {kind::scope_closed, [](event const& e) { return subject(e) + " is closed"; }},
    {kind::scope_catch, caught},
    {kind::scope_notify, notified},
    {kind::scope_unref,
        [](event const& e) {
            return "a reference to " + subject(e) + " is dropped" + with(e, " (", "via", ")") + refs_drop(e);
        }},
    {kind::scope_dispose, disposed_with},
    {kind::scope_disposed, [](event const& e) { return subject(e) + " is disposed"; }},
    {kind::scope_refuse, [](event const& e) { return subject(e) + " refuses a spawn" + with(e, ": ", "reason"); }},
    {kind::scope_access,
        [](event const& e) {
            return (e.find("operation") ? with(e, "", "operation") : "an operation") + " uses " + subject(e) +
                (e.integer("freed", 1) ? " after it was freed" : "");
        }},
    {kind::coroutine_spawn,
        [](event const& e) { return subject(e) + " is spawned" + in_parent(e, " in ") + with(e, ": ", "name"); }},
    {kind::coroutine_start, [](event const& e) { return subject(e) + " starts"; }},
    {kind::coroutine_suspend,
        [](event const& e) {
            return subject(e) + " suspends" + with(e, " on ", "on") + with(e, " for ", "ms", " ms");
        }},
    {kind::coroutine_resume, resumed},
    {kind::coroutine_cancel,
        [](event const& e) { return "a cancel request reaches " + subject(e) + with(e, ", ", "mode"); }},
    {kind::coroutine_zombie,
        [](event const& e) { return subject(e) + " becomes a zombie: it runs on but is no longer counted"; }},
    {kind::coroutine_finish, finished},
    {kind::coroutine_hook, [](event const& e) { return subject(e) + " is finished and its completion hook runs"; }},
    {kind::coroutine_remove,
        [](event const& e) { return subject(e) + " is removed from " + (e.parent ? who(e.parent) : "its scope"); }},
    {kind::request_open, [](event const& e) { return subject(e) + " is created" + in_parent(e, " on "); }},
    {kind::request_begin,
        [](event const& e) {
            return subject(e) + " begins" + in_parent(e, " on ") + with(e, ": ", "method") + with(e, " ", "path");
        }},
    {kind::request_respond, [](event const& e) { return subject(e) + " is answered" + with(e, ": ", "status"); }},
    {kind::request_finish,
        [](event const& e) { return subject(e) + " is finished" + with(e, ": ", "result") + with(e, ", ", "status"); }},
    {kind::request_free, [](event const& e) { return subject(e) + " is freed"; }},
    {kind::connection_open, [](event const& e) { return subject(e) + " is accepted" + in_parent(e, " by "); }},
    {kind::connection_read,
        [](event const& e) {
            return subject(e) + " reads" + with(e, " ", "bytes", " bytes") + with(e, " of ", "request");
        }},
    {kind::connection_write,
        [](event const& e) {
            return subject(e) + " writes" + with(e, " ", "bytes", " bytes") + with(e, " for ", "request");
        }},
    {kind::connection_close,
        [](event const& e) {
            return subject(e) + " closes" + with(e, ": ", "how") + with(e, ", with ", "unread", " bytes unread") +
                with(e, ", all of ", "unread_request");
        }},
    {kind::stream_open, [](event const& e) { return subject(e) + " opens" + in_parent(e, " for "); }},
    {kind::stream_read, [](event const& e) { return stream(e) + " reads" + with(e, " ", "bytes", " bytes"); }},
    {kind::stream_queue, queued},
    {kind::stream_write, [](event const& e) { return stream(e) + " writes" + with(e, " ", "bytes", " bytes"); }},
    {kind::stream_drain, drained},
    {kind::stream_timeout, [](event const& e) { return stream(e) + " times out: it was inactive for too long"; }},
    {kind::stream_close_gracefully, closed_gracefully},
    {kind::stream_close, [](event const& e) { return stream(e) + " closes" + with(e, ": ", "how"); }},
    {kind::timer_arm,
        [](event const& e) {
            return subject(e) + " is set" + with(e, " for ", "ms", " ms") +
                (e.by.type == entity::loop ? "" : caller(e)) + with(e, ": ", "name");
        }},
    {kind::timer_fire, [](event const& e) { return subject(e) + " fires" + with(e, ": ", "name"); }},
    {kind::timer_cancel, [](event const& e) { return subject(e) + " is cancelled"; }},
    {kind::loop_start, [](event const& e) { return subject(e) + " starts"; }},
    {kind::loop_tick, [](event const& e) { return subject(e) + " has work to do" + with(e, ": tick ", "number"); }},
    {kind::loop_serve, served},
    {kind::loop_error,
        [](event const& e) { return "an error leaves a callback of " + subject(e) + quoted(e, ": ", "error"); }},
    {kind::loop_stop_gracefully,
        [](event const& e) {
            return subject(e) + " is asked to stop gracefully" +
                how_many(e, ", with ", "incoming", "accepted connection") + (e.find("incoming") ? " open" : "");
        }},
    {kind::loop_finish, [](event const& e) { return subject(e) + " notifies its listeners that it will stop"; }},
    {kind::loop_stopping,
        [](event const& e) {
            return subject(e) + " will end after this tick" + with(e, ": ", "why") + with(e, ", ", "cause");
        }},
    {kind::loop_stop, loop_ended},
    {kind::listener_wake,
        [](event const& e) { return subject(e) + in_parent(e, " of ") + " is woken" + with(e, ": ", "error"); }},
    {kind::callback_enter, entered},
    {kind::hook_add,
        [](event const& e) {
            return subject(e) + " is registered as a shutdown hook" + in_parent(e, " of ") + with(e, ": ", "name");
        }},
    {kind::hook_begin,
        [](event const& e) { return "the shutdown hook " + subject(e) + in_parent(e, " of ") + " runs"; }},
    {kind::hook_end, [](event const& e) { return "the shutdown hook " + subject(e) + " has run"; }},
    {kind::object_depend,
        [](event const& e) { return subject(e) + " depends on" + (e.find("on") ? with(e, " ", "on") : " another"); }},
    {kind::object_free, [](event const& e) { return subject(e) + " is freed"; }},
    {kind::decision,
        [](event const& e) {
            return (e.find("choice") ? with(e, "choice ", "choice") : "a choice") + with(e, " of ", "of") +
                with(e, ": ", "label");
        }},
    {kind::assertion, asserted},
    {kind::client_connect,
        [](event const& e) { return subject(e) + " connects" + with(e, " to port ", "port") + with(e, ", ", "role"); }},
    {kind::client_connected, [](event const& e) { return subject(e) + " is connected"; }},
    {kind::client_send, sent},
    {kind::client_receive,
        [](event const& e) {
            return subject(e) + " receives the first bytes" + with(e, " for ", "request") + with(e, ": ", "bytes");
        }},
    {kind::client_done,
        [](event const& e) {
            return subject(e) + " has the complete response" + with(e, " to ", "request") + with(e, ": ", "status");
        }},
    {kind::client_fail, lost_response},
    {kind::client_closed,
        [](event const& e) {
            return subject(e) + " sees its idle connection " + (e.text("how") == "reset" ? "reset" : "closed");
        }},
    {kind::client_leave, [](event const& e) { return subject(e) + " closes its own connection"; }},
    {kind::client_open,
        [](event const& e) {
            return subject(e) + " still has its connection: neither an end of stream nor a reset came";
        }},
    {kind::client_goaway,
        [](event const& e) { return subject(e) + " receives GOAWAY" + with(e, ": the last stream is ", "last"); }},
    {kind::client_traffic,
        [](event const& e) {
            return "the traffic of " + subject(e) + (e.integer("going") ? " continues" : " has ended");
        }},
    {kind::process_start,
        [](event const& e) { return subject(e) + " starts" + in_parent(e, ", forked by ") + with(e, ": ", "name"); }},
    {kind::process_ready,
        [](event const& e) { return subject(e) + " is ready" + how_many(e, ", with ", "workers", "worker"); }},
    {kind::process_status, disposition},
    {kind::process_signal, signalled},
    {kind::process_stderr,
        [](event const& e) {
            if (e.find("left_out"))
                return subject(e) + " has written more than is shown" + with(e, ": ", "left_out", " bytes");
            return subject(e) + " writes to stderr" + quoted(e, ": ", "text");
        }},
    {kind::process_files, files},
    {kind::process_exit, exited},
    {kind::process_orphan,
        [](event const& e) {
            return subject(e) + with(e, " (", "name", ")") + " still runs after the exit of the server";
        }},
    {kind::process_left,
        [](event const& e) {
            return subject(e) + " leaves " + (e.integer("count") ? std::to_string(e.integer("count")) : "none") +
                " of its processes behind";
        }},
    {kind::process_port, port_state},
    {kind::process_stuck,
        [](event const& e) {
            return subject(e) + with(e, " (", "name", ")") + " of the old generation still runs" +
                with(e, ", ", "ms", " ms after the act");
        }},
    {kind::process_path,
        [](event const& e) {
            return "the Unix path" + with(e, " ", "path") + " of " + subject(e) +
                (e.integer("there") ? " is there" : " is gone") +
                (e.integer("there") && e.find("same") && !e.integer("same") ? ", and belongs to another socket" : "") +
                with(e, ", and the next start ", "next");
        }},
    {kind::process_effect, [](event const& e) { return subject(e) + " has exited" + with(e, ", and ", "what"); }},
    {kind::process_step,
        [](event const& e) {
            return subject(e) + " takes the step" + with(e, " ", "step") + with(e, " (", "detail", ")");
        }},
    {kind::other, anything},
};

consteval bool complete() {
    if (std::size(table) != kind_count) return false;
    for (std::size_t i = 0; i < kind_count; ++i)
        if (static_cast<std::size_t>(table[i].what) != i) return false;
    return true;
}
static_assert(complete(), "one row for each kind, in the order of the kinds");

} // namespace

std::string phrase(event const& e) { return table[static_cast<std::size_t>(e.what)].say(e); }

std::string in_words(value const& v) { return shown(v); }

std::string_view kind_text(event const& e) {
    return e.what == kind::other && !e.what_text.empty() ? e.what_text : name_of(e.what);
}

} // namespace shutdown_repro::traces
