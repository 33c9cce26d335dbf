// The requests that a server left unread when it closed their connections. Only a steered server records them.
#pragma once
#include "traces/model/live_set.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {

class unread_requests {
public:
    void note(event const&); // connection.read and connection.close
    // Returns the event that closed the connection with the whole request unread, after the stop and with nothing read
    // after it; no_seq if there is none. Several processes can hold a connection, and the close of one does not end it.
    seq_t closed_with(ref request, model const&) const;
    void clear() { closes_.clear(); }

private:
    struct close {
        ref request;
        seq_t at = no_seq;
    };
    live_set<close> closes_; // by the number of the connection: its latest close
};

} // namespace shutdown_repro::traces
