// Selects events of a trace by an expression (man shutdown-repro, "FILTERS"):
//
//     or      = and *( "or" and )
//     and     = not *( "and" not )
//     not     = "not" not | "(" or ")" | test
//     test    = [ "kind" ] GLOB | [ "id" ] GLOB ":" GLOB | "by" GLOB ":" GLOB | "under" ID | "seq" RANGE | "time" RANGE
//     RANGE   = NUMBER | NUMBER ".." | ".." NUMBER | NUMBER ".." NUMBER
// Call fits() for every event of the trace, in order: "under" needs to know the parent of each actor, and "time" counts
// from the first event. Memory is proportional to the number of actors below those that "under" names.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

struct filter_error : std::runtime_error { // for people: "column 7: …"
    using std::runtime_error::runtime_error;
};

class filter {
public:
    filter();                                     // selects every event
    explicit filter(std::string_view expression); // throws filter_error
    ~filter();
    filter(filter&&) noexcept;
    filter& operator=(filter&&) noexcept;

    bool fits(event const&);
    // Restores the state before the first event.
    void restart();

    struct test;

private:
    std::unique_ptr<test> root_;
    nanoseconds start_ = 0;
    bool started_ = false;
};

} // namespace shutdown_repro::traces
