// Which events of a trace are looked at, in a small language (man shutdown-repro, "FILTERS"):
//
//     or      = and *( "or" and )
//     and     = not *( "and" not )
//     not     = "not" not | "(" or ")" | test
//     test    = [ "kind" ] GLOB | [ "id" ] GLOB ":" GLOB | "by" GLOB ":" GLOB | "under" ID | "seq" RANGE | "time" RANGE
//     RANGE   = NUMBER | NUMBER ".." | ".." NUMBER | NUMBER ".." NUMBER
//
// A filter is fed every event of the trace in order, because "under" follows who is opened in whom and "time" counts
// from the first. Its memory is in the number of those who are under somebody that it names.
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
    filter();                                     // everything fits
    explicit filter(std::string_view expression); // throws filter_error
    ~filter();
    filter(filter&&) noexcept;
    filter& operator=(filter&&) noexcept;

    bool fits(event const&);
    // As before the first event.
    void restart();

    struct test;

private:
    std::unique_ptr<test> root_;
    nanoseconds start_ = 0;
    bool started_ = false;
};

} // namespace shutdown_repro::traces
