#include "cli/options/trace_input.hpp"
#include <sys/stat.h>

namespace shutdown_repro::cli {
namespace {

bool can_be_read_again(std::string const& path) {
    struct stat file {};
    return path != "-" && ::stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode);
}

} // namespace

trace_input::trace_input(std::string path) : path_(std::move(path)), again_(can_be_read_again(path_)) {}

std::vector<std::string> trace_input::read(traces::reader_events& to) {
    if (again_ && !kept_) return traces::read_stream(path_, to).problems;
    traces::trace const& t = whole();
    to.on_header(t.head);
    for (traces::event const& e : t.events) to.on_event(e);
    if (t.foot) to.on_footer(*t.foot);
    return t.problems;
}

traces::trace const& trace_input::whole() {
    if (!kept_) kept_ = traces::read_file(path_);
    return *kept_;
}

} // namespace shutdown_repro::cli
