#include "traces/rules/unread.hpp"

namespace shutdown_repro::traces {

void unread_requests::note(event const& e) {
    if (closes_.size()) closes_.close(e.id.number);
    ref const request = e.what == kind::connection_close ? e.id_of("unread_request") : ref{};
    if (request) closes_.open(e.id.number) = {request, e.seq};
}

seq_t unread_requests::closed_with(ref request, model const& m) const {
    seq_t at = no_seq;
    closes_.each([&](std::uint32_t, close const& c) {
        if (c.request == request && m.cause() != no_seq && c.at > m.cause()) at = c.at;
    });
    return at;
}

} // namespace shutdown_repro::traces
