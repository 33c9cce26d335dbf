// A trace event: one recorded fact, as plain data. This file is independent of the rules (rules/rule.hpp) and of any
// server.
// Ownership: an event views its details. They belong to the object that hands out the event, and are valid for the
// lifetime of a `trace`, until the next line of a streaming reader, or during the call of the recorder.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include "traces/clock.hpp"

namespace shutdown_repro::traces {

// The type of an id, which is printed as "scope:2". Numbers are unique within a trace and never reused.
enum class entity : std::uint8_t {
    none,
    server,
    scope,
    coroutine,
    request,
    connection,
    stream,
    timer,
    loop,
    listener,
    client,
    process,
    control,
    world,
    other,
};
inline constexpr std::size_t entity_count = static_cast<std::size_t>(entity::other) + 1;

struct ref {
    entity type = entity::none;
    std::uint32_t number = 0;
    explicit operator bool() const { return type != entity::none; }
    friend auto operator<=>(ref const&, ref const&) = default;
};

std::string_view name_of(entity);
std::string to_string(ref); // "scope:2"
// Returns nullopt if the text is not "word:number". An unknown word becomes entity::other.
std::optional<ref> parse_ref(std::string_view text);
bool parse_ref(std::string_view text, ref& to); // the same for the inner loop of the reader, where an optional is slow

// The kind of an event. man/shutdown-repro-trace.5 describes the dotted names of the format and the details of each
// kind.
enum class kind : std::uint8_t {
    server_open,
    server_listen,
    server_ready,
    server_close,
    server_stopped,
    server_destroy,
    server_free,
    act_stop,
    act_free,
    act_return,
    act_begin,
    act_effect,
    act_end,
    scope_open,
    scope_attach,
    scope_cancel,
    scope_cancelled,
    scope_closed,
    scope_catch,
    scope_notify,
    scope_unref,
    scope_dispose,
    scope_disposed,
    scope_refuse,
    scope_access,
    coroutine_spawn,
    coroutine_start,
    coroutine_suspend,
    coroutine_resume,
    coroutine_cancel,
    coroutine_zombie,
    coroutine_finish,
    coroutine_hook,
    coroutine_remove,
    request_open,
    request_begin,
    request_respond,
    request_finish,
    request_free,
    connection_open,
    connection_read,
    connection_write,
    connection_close,
    stream_open,
    stream_read,
    stream_queue,
    stream_write,
    stream_drain,
    stream_timeout,
    stream_close_gracefully,
    stream_close,
    timer_arm,
    timer_fire,
    timer_cancel,
    loop_start,
    loop_tick,
    loop_serve,
    loop_error,
    loop_stop_gracefully,
    loop_finish,
    loop_stopping,
    loop_stop,
    listener_wake,
    callback_enter,
    hook_add,
    hook_begin,
    hook_end,
    object_depend,
    object_free,
    decision,
    assertion,
    client_connect,
    client_connected,
    client_send,
    client_receive,
    client_done,
    client_fail,
    client_closed,
    client_leave,
    client_open,
    client_goaway,
    client_traffic,
    process_start,
    process_ready,
    process_status,
    process_signal,
    process_stderr,
    process_files,
    process_exit,
    process_orphan,
    process_left,
    process_port,
    process_stuck,
    process_path,
    process_effect,
    process_step,
    other, // a kind that this version does not know: kept in order, ignored by the rules
};
inline constexpr std::size_t kind_count = static_cast<std::size_t>(kind::other) + 1;

std::string_view name_of(kind); // "scope.dispose"
std::optional<kind> parse_kind(std::string_view);

// A set of kinds that is known when the program is compiled. Asking costs one look-up, however many kinds it has.
class kind_set {
public:
    consteval kind_set(std::initializer_list<kind> kinds) {
        for (kind const k : kinds) has_[static_cast<std::size_t>(k)] = true;
    }
    constexpr bool contains(kind k) const { return has_[static_cast<std::size_t>(k)]; }

private:
    bool has_[kind_count] = {};
};

using seq_t = std::uint64_t;
inline constexpr seq_t no_seq = ~seq_t{0};

// The value of a detail.
struct value {
    enum class type : std::uint8_t { integer, boolean, text, id, ids };
    type is = type::integer;
    std::int64_t integer = 0; // integer, boolean
    std::string_view text;    // text
    ref id;                   // id
    std::span<ref const> ids; // ids

    value() = default;
    value(std::int64_t i) : integer(i) {}
    value(int i) : integer(i) {}
    value(std::uint32_t i) : integer(i) {}
    value(std::uint64_t i) : integer(static_cast<std::int64_t>(i)) {}
    value(bool b) : is(type::boolean), integer(b) {}
    value(std::string_view s) : is(type::text), text(s) {}
    value(char const* s) : is(type::text), text(s) {}
    value(std::string const& s) : is(type::text), text(s) {}
    value(ref r) : is(type::id), id(r) {}
    value(std::span<ref const> r) : is(type::ids), ids(r) {}
};

struct field {
    std::string_view key;
    value val;
};

struct event {
    seq_t seq = 0;
    nanoseconds t = 0;
    kind what = kind::other;
    ref id;                         // its subject
    ref parent;                     // the owner of the subject, if the kind has one
    ref by;                         // the actor that caused it
    std::span<seq_t const> because; // earlier events that caused it
    std::span<field const> detail;
    std::string_view what_text; // the dotted name as read if `what` is kind::other; else empty

    event() = default;
    // Sets each member: clearing an aggregate first would cost more than all other steps of recording an event.
    event(seq_t number, nanoseconds when, kind k, ref whom, ref owner, ref actor, std::span<seq_t const> causes,
        std::span<field const> details)
        : seq(number),
          t(when),
          what(k),
          id(whom),
          parent(owner),
          by(actor),
          because(causes),
          detail(details) {}

    value const* find(std::string_view key) const {
        for (field const& f : detail)
            if (is_same(f.key, key)) return &f.val;
        return nullptr;
    }
    std::int64_t integer(std::string_view key, std::int64_t otherwise = 0) const {
        value const* v = find(key);
        return v && (v->is == value::type::integer || v->is == value::type::boolean) ? v->integer : otherwise;
    }
    std::string_view text(std::string_view key, std::string_view otherwise = {}) const {
        value const* v = find(key);
        return v && v->is == value::type::text ? v->text : otherwise;
    }
    ref id_of(std::string_view key) const {
        value const* v = find(key);
        return v && v->is == value::type::id ? v->id : ref{};
    }
    std::span<ref const> ids_of(std::string_view key) const {
        value const* v = find(key);
        return v && v->is == value::type::ids ? v->ids : std::span<ref const>{};
    }

private:
    // Keys are short, and mostly the same literal or different in a letter: a call of memcmp would cost more.
    static bool is_same(std::string_view a, std::string_view b) {
        if (a.size() != b.size()) return false;
        if (a.data() == b.data()) return true;
        for (std::size_t i = 0; i < a.size(); ++i)
            if (a[i] != b[i]) return false;
        return true;
    }
};

// Receives events as they happen. The event is valid during the call only; to keep it, copy it (trace::append).
class sink {
public:
    virtual ~sink() = default;
    virtual void put(event const&) = 0;
};

} // namespace shutdown_repro::traces

template <> struct std::hash<shutdown_repro::traces::ref> {
    std::size_t operator()(shutdown_repro::traces::ref const& r) const noexcept {
        return (static_cast<std::size_t>(r.type) << 32) ^ r.number;
    }
};
