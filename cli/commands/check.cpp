// check: judges recorded traces by the rules.
#include "cli/commands/command.hpp"
#include "cli/options/arguments.hpp"
#include "cli/report/report.hpp"

namespace shutdown_repro::cli {
namespace {

struct check_options {
    std::vector<std::string> traces;
    bool json = false;
};

int check(check_options const& o, output& out) {
    return reporting_errors(o.json, out, [&] {
        std::vector<trace_judgement> all;
        for (std::string const& path : o.traces) all.push_back({path, judge_file(path)});
        out.print(o.json ? as_json(all) : as_text(all, out.page()));
        return status_of(verdict_of(all));
    });
}

} // namespace

void add_check(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<check_options>();
    CLI::App* const sub = app.add_subcommand("check", "Judge recorded traces by the rules");
    sub->add_option("TRACE", o->traces, "Trace files; - is standard input")->required();
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->callback([o, &chosen] { chosen = [o](output& out) { return check(*o, out); }; });
}

} // namespace shutdown_repro::cli
