// Fuzzes the texts in the result of a gate, and checks every report for CI systems.
#include <algorithm>
#include "cli/ci/reports.hpp"
#include "tests/fuzz/holds.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::cli;

namespace {

// Splits the input into texts at NUL characters.
class texts {
public:
    explicit texts(std::string_view all) : rest_(all) {}
    std::string next() {
        std::size_t const end = rest_.find('\0');
        std::string const text(rest_.substr(0, end));
        rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
        return text;
    }
    bool over() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

repro::gate_result result_of(std::string_view input) {
    texts t(input);
    repro::gate_result r;
    r.file = t.next();
    r.baseline = t.next();
    for (int i = 0; !t.over() && i < 8; ++i) {
        repro::check_result& c = r.checks.emplace_back();
        c.name = t.next();
        c.result = static_cast<repro::outcome>(i % 4);
        c.file = t.next();
        c.line = 7;
        c.why = {t.next()};
        c.scenario = c.policy = c.trouble = t.next();
        repro::gate_violation v;
        v.rule = t.next();
        v.message = t.next();
        v.replay = v.trace = t.next();
        v.fingerprint = v.reason = t.next();
        v.inside = {t.next()};
        v.witness = {{1, t.next()}};
        v.stands = static_cast<repro::standing>(i % 7);
        c.violations = {v, v}; // the second follows from the first
        c.violations.back().stands = repro::standing::follows;
        c.violations.back().caused_by = {{v.rule, v.fingerprint}};
        c.violations.back().led_to = i % 2;
    }
    return r;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* bytes, std::size_t size) {
    repro::gate_result const r = result_of({reinterpret_cast<char const*>(bytes), size});
    std::string const junit = as_junit(r), github = as_github(r);
    fuzz::holds_tame(junit, "JUnit");
    fuzz::holds(junit.find("<script") == junit.npos && junit.find("<!") == junit.npos,
        "JUnit has no markup but its own", junit);
    if (size % 16 == 0) fuzz::holds_json(as_sarif(r, 1), "SARIF"); // slow, because it describes all rules
    fuzz::holds_tame(as_tap(r), "TAP");
    fuzz::holds_tame(github, "the annotations");
    for (std::size_t from = 0; from < github.size(); from = github.find('\n', from) + 1)
        fuzz::holds(
            github.compare(from, 8, "::error ") == 0, "an annotation is one line and nothing else is there", github);
    std::string const summary = as_step_summary(r, 2000);
    fuzz::holds(
        summary.size() <= 2000 && fuzz::is_utf8(summary), "the summary is as short as asked for, and UTF-8", summary);
    return 0;
}
