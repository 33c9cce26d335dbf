// What the model knows of clients: their connections, the requests that they sent, and what a stop may wait for.
#include <algorithm>
#include <array>
#include "traces/model/model.hpp"

namespace shutdown_repro::traces {
namespace {

role role_of(std::string_view word) {
    static constexpr std::array<std::string_view, 13> words = {
        "",
        "in-flight",
        "stream-in-flight",
        "half-request",
        "backlog",
        "keepalive",
        "idle",
        "silent",
        "stream",
        "late",
        "readiness",
        "second",
        "traffic",
    };
    auto const at = std::find(words.begin(), words.end(), word);
    return at == words.end() ? role::unknown : static_cast<role>(at - words.begin());
}

// Whether RFC 9110 lets a client repeat the request automatically.
bool is_idempotent(std::string_view method) { return method != "POST" && method != "PATCH" && method != "CONNECT"; }

} // namespace

peer_state::standing peer_state::stands(seq_t t0) const {
    bool const counts = connected != no_seq && why != role::late && why != role::readiness && why != role::backlog &&
        why != role::traffic;
    if (!counts || (!open && connected > t0)) return standing::apart;
    if (!spoke) return standing::silent;
    if (!open) return standing::idle;
    return why == role::stream ? standing::stream : standing::busy;
}

void model::on_client(event const& e) {
    if (e.what == kind::client_receive && !clients.find(e.id.number)) return;
    client_state& c = clients.open(e.id.number);
    switch (e.what) {
    case kind::client_connect:
        c = {};
        c.connect = e.seq;
        c.connect_at = e.t;
        c.why = role_of(e.text("role"));
        return;
    case kind::client_connected:
        c.connected = e.seq;
        if (c.connect == no_seq) c.connect = e.seq, c.connect_at = e.t;
        return;
    case kind::client_send: {
        ref const request = e.id_of("request");
        std::string_view const part = e.text("part");
        peer_state const& p = peers.open(e.id.number);
        // The rest of a body adds nothing: the server owes a response since it has the head.
        if (part == "head-half" || (part == "rest" && c.sent != no_seq && c.how.partly)) return;
        c.sent = e.seq, c.sent_at = e.t;
        // A response may begin before the rest of the request was sent.
        if (part != "rest") c.first_byte = no_seq, c.received = 0;
        c.how = {.why = p.why,
            .frozen = e.integer("frozen") != 0,
            .kept = p.answered > 0,
            .partly = part == "head" || part == "body-half",
            .half = part == "rest" ? p.half : no_seq,
            .repeatable = is_idempotent(e.text("method")),
            .stream = e.integer("stream")};
        if (request.type == entity::request)
            sent.open(request.number) = {.client = e.id,
                .sent = e.seq,
                .first_byte = c.first_byte,
                .sent_at = e.t,
                .received = c.received,
                .how = c.how};
        return;
    }
    default: {
        ref const request = e.id_of("request");
        std::int64_t const bytes = std::max<std::int64_t>(e.integer("bytes"), 1);
        if (c.first_byte == no_seq) c.first_byte = e.seq;
        c.received += bytes;
        if (sent_request* s = request.type == entity::request ? sent.find(request.number) : nullptr) {
            if (s->first_byte == no_seq) s->first_byte = e.seq, s->first_byte_at = e.t;
            s->received += bytes;
        }
    }
    }
}

void model::on_peer(event const& e) {
    peer_state& p = peers.open(e.id.number);
    switch (e.what) {
    case kind::client_connect:
        p = {};
        p.why = role_of(e.text("role"));
        p.connect = e.seq;
        return;
    case kind::client_connected:
        p.connected = p.since = e.seq;
        if (p.connect == no_seq) p.connect = e.seq;
        return;
    default: {
        std::string_view const part = e.text("part");
        if (p.connected == no_seq) p.connected = e.seq;
        if (p.connect == no_seq) p.connect = p.connected;
        p.spoke = true;
        if (part != "rest") ++p.open;
        p.half = part == "head-half" ? e.seq : no_seq;
        p.half_of = part == "head-half" ? e.id_of("request") : ref{};
    }
    }
}

// Streams without an end, and connections apart, are not work of the server: they depend only on the client.
void model::forget_client(event const& e) {
    peer_state* const p = peers.find(e.id.number);
    bool const owed =
        !p || (p->stands(t0) != peer_state::standing::stream && p->stands(t0) != peer_state::standing::apart);
    bool const was_idle = e.what == kind::client_closed && (!p || !p->open);
    if (owed && !was_idle) work_ends(e);
    forget_requests(e);
    if (!p) return;
    // The requests behind a response that closes still wait for the end of their connection.
    bool const closes = e.integer("close") && !e.find("stream") && p->open <= 1;
    bool const ends = e.what == kind::client_done ? closes : e.what == kind::client_closed || !e.find("stream");
    if (ends) return leave(e.id, e);
    p->open -= p->open > 0;
    ref const named = e.id_of("request");
    if (!named || !p->half_of || named == p->half_of) p->half = no_seq, p->half_of = {};
    p->answered += e.what == kind::client_done;
    p->since = e.seq;
}

void model::forget_requests(event const& e) {
    over_.clear();
    each_sent(e, [&](ref request, sent_request const&) { over_.push_back(request); });
    for (ref const r : over_)
        if (r.type == entity::request) sent.close(r.number);
    clients.close(e.id.number);
}

void model::forget_left(event const& e) {
    leave(e.id, e);
    forget_requests(e);
}

void model::leave(ref client, event const& e) {
    peer_state const* p = peers.find(client.number);
    if (!p) return;
    if (auto const at = static_cast<std::size_t>(p->stands(t0)); at < left.size())
        left[at] = {.who = client, .at = e.t, .seq = e.seq};
    peers.close(client.number);
}

} // namespace shutdown_repro::traces
