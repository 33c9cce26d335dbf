// The judgement of a trace by the rules, with everything that a report shows about it.
#pragma once
#include <string>
#include <vector>
#include "traces/causes/roots.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::cli {

struct judgement : traces::judgement {
    std::vector<traces::defect_place> defects; // one for each violation: the root that it belongs to
    std::uint64_t events = 0;
    traces::nanoseconds span = 0;          // time from the first event to the last
    std::string world, schedule, scenario; // the header's; the scenario's name
    std::string tool;
    std::string stop = "never", free = "never"; // when and by whom they were called first, for people
};

judgement judge_for_report(traces::trace const&);
// The same as a trace is read. Memory grows with the events after the first stop, some thirty bytes each, and with
// nothing else.
class trace_judge final : public traces::reader_events {
public:
    void on_header(traces::header const&) override;
    void on_event(traces::event const&) override;
    void on_footer(traces::footer const&) override;
    judgement result(std::vector<std::string> problems); // once, after all of it; the reader's problems
    std::vector<traces::violation> const& so_far() const { return judge_.rules().violations(); }

private:
    std::string moment_text(traces::event const&) const;
    traces::judge_run judge_;
    traces::root_finder roots_;
    judgement so_far_;
    traces::nanoseconds start_ = 0;
};
// Reads the file as a stream; see trace_judge for the memory. Throws trace_error if it is not a trace.
judgement judge_file(std::string const& path);

} // namespace shutdown_repro::cli
