// gate: runs the checks of a gate file and reports whether they still hold.
#include <algorithm>
#include <filesystem>
#include <fnmatch.h>
#include <map>
#include <set>
#include "cli/ci/check_text.hpp"
#include "cli/ci/gate_report.hpp"
#include "cli/ci/publish.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/run_target.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/document_kind.hpp"
#include "cli/options/shard.hpp"
#include "cli/report/again.hpp"
#include "cli/report/kept_traces.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/interruptible.hpp"
#include "repro/explore/strategy.hpp"
#include "repro/gate/judge.hpp"
#include "repro/gate/trials.hpp"
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

namespace fs = std::filesystem;

struct gate_options {
    std::string file, baseline, server, keep = "findings";
    std::vector<std::string> only;
    std::uint32_t jobs = 1;
    std::string shard;
    report_options reports;
    bool update_baseline = false, allow_stale = false, bisect = false, json = false, print = false;
    bool no_commands = false;
};

std::vector<std::string> names_of(repro::gate_file const& gate) {
    std::vector<std::string> names;
    for (repro::check_plan const& c : gate.checks) names.push_back(c.name);
    return names;
}

bool selects(std::string const& pattern, std::string const& name) {
    return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

// Returns the checks that the patterns select. Throws when a pattern selects nothing: a typo would skip checks
// silently.
std::vector<repro::check_plan> selected(repro::gate_file const& gate, std::vector<std::string> const& patterns) {
    std::string const gate_name = gate.path.empty() ? "the bundled suite" : gate.path;
    if (gate.checks.empty()) throw repro::input_error(gate_name + " has no checks", repro::nothing_selected);
    auto const names = names_of(gate);
    std::vector<std::string_view> const views(names.begin(), names.end());
    for (std::string const& p : patterns)
        if (std::ranges::none_of(names, [&](std::string const& name) { return selects(p, name); }))
            throw repro::input_error(
                "--only: " + gate_name + " has no check named \"" + p + "\"" + repro::did_you_mean(p, views),
                repro::nothing_selected);
    std::vector<repro::check_plan> chosen = gate.checks;
    std::erase_if(chosen, [&](repro::check_plan const& c) {
        return !patterns.empty() &&
            std::ranges::none_of(patterns, [&](std::string const& p) { return selects(p, c.name); });
    });
    return chosen;
}

// A file of a target names commands, and whoever can change the file can run anything here.
void refuse_commands(std::vector<repro::check_plan> const& plans, std::string const& gate) {
    for (repro::check_plan const& c : plans)
        if (c.target && c.target->named.ends_with(".json"))
            throw repro::input_error("--no-commands: " + gate + ":" + std::to_string(c.line) + ": the check \"" +
                c.name + "\" runs the commands of " + c.target->named +
                "; review the file and leave --no-commands out, or select other checks with --only");
}

// Returns the path of the baseline: --baseline, or by default gate.baseline.json beside gate.json.
std::string baseline_path(gate_options const& o) {
    if (!o.baseline.empty() || o.file.empty()) return o.baseline;
    return fs::path(o.file).replace_extension(".baseline.json").string();
}

// Loads the baseline, or returns an empty one when the file does not exist.
repro::baseline baseline_for(gate_options const& o) {
    repro::baseline none;
    none.path = baseline_path(o);
    std::error_code ignored;
    bool const there = fs::exists(none.path, ignored);
    if (none.path.empty() && o.update_baseline)
        throw repro::input_error(
            "--update-baseline: the bundled suite has no baseline; name a file with --baseline FILE");
    if (there || (!o.baseline.empty() && !o.update_baseline)) return repro::load_baseline(none.path);
    if (!o.update_baseline) none.path.clear();
    return none;
}

// Returns the options of `run` that repeat the trials of a check of a target.
target_options options_of(repro::check_plan const& c) {
    target_options o;
    o.what = c.target->named;
    o.order = c.target->order;
    if (c.when) o.schedule = to_string(*c.when);
    o.repeat = c.repeat;
    return o;
}

// Returns the command that runs a check's trials again; for a target it names the file and the number of trials.
std::string shown_again(repro::check_plan const& c, traces::header const& h) {
    return c.target ? again_line(options_of(c), c.target->probe) : again_line(h);
}

class gate_run {
public:
    gate_run(gate_options const& o, output& out) : options_(o), out_(out) {}

    int run() {
        expect_possible(options_.reports, options_.json);
        expect_spared(options_.reports, {options_.file, baseline_path(options_)});
        telling_reports([&] { refuse_other_document(options_.file, "gate"); });
        repro::gate_file gate = telling_reports(
            [&] { return options_.file.empty() ? repro::bundled_gate() : repro::load_gate(options_.file); });
        std::vector<std::string> named;
        for (repro::check_plan& c : gate.checks) {
            named.push_back(c.file);
            if (!c.target) continue;
            repro::note_inputs(c.target->what);
            c.target->arguments = run_arguments(options_of(c), c.target->probe);
        }
        named.push_back(options_.server);
        expect_spared(options_.reports, named);
        return telling_reports([&] { return run(gate); });
    }

private:
    // When the gate can't run, writes reports that say why, so that a CI system does not find those of the last run.
    template <class Job> std::invoke_result_t<Job> telling_reports(Job const& it) {
        try {
            return it();
        } catch (repro::input_error const& e) {
            publish_failure(options_.reports, options_.file, e.what(), out_);
            throw;
        }
    }

    int run(repro::gate_file const& gate) {
        auto const plans = selected(gate, options_.only);
        if (options_.no_commands) refuse_commands(plans, gate.path);
        auto const shard = choose_shard(options_.shard);
        if (options_.update_baseline && shard && shard->part.count > 1)
            throw repro::input_error("--update-baseline needs all trials, but " + shard->from +
                " selects only a part of them; run it without shards");
        rules_.known = baseline_for(options_);
        rules_.today = repro::today();
        rules_.allow_stale = options_.allow_stale || options_.bisect; // a stale entry does not make a commit bad
        rules_.names = names_of(gate);
        result_.file = gate.path;
        result_.baseline = rules_.known.path;
        if (shard) result_.shard = {shard->part, rules_};
        observe(plans);
        out_.progress("");
        repro::judge(result_, rules_);
        int const updating = options_.update_baseline ? update_baseline() : repro::clean;
        keep_traces();
        int const result = status_of(worst_of(result_));
        int const status =
            updating == repro::inconclusive || result == repro::clean ? std::max(result, updating) : result;
        return publish(
            options_.reports, result_, options_.json ? as_json(result_) : as_text(result_, out_.page()), status, out_);
    }

    void observe(std::vector<repro::check_plan> const& plans) {
        signal_guard const while_observing;
        repro::trial_options how{.jobs = options_.jobs,
            .waits_for = {},
            .shard = {},
            .server_path = options_.server,
            .again = shown_again,
            .tell = {}};
        for (repro::check_plan const& plan : plans) {
            how.tell = [&](std::uint64_t done, std::uint64_t of, std::string_view what) {
                out_.progress(std::to_string(result_.checks.size()) + " of " + traces::counted(plans.size(), "check") +
                    "  " + traces::printable(plan.name) + "  " + repro::with_commas(done) + " of " +
                    repro::with_commas(of) + "  " + std::string(what));
            };
            how.waits_for = repro::await(rules_.known, plan.name, plan.expected);
            if (result_.shard) how.shard = repro::share_of_check(result_.shard->mine, result_.checks.size());
            repro::observation seen = repro::observe(plan, how, asked_to_stop());
            seen.result.file = result_.file;
            result_.interrupted = result_.interrupted || seen.interrupted || asked_to_stop();
            result_.checks.push_back(std::move(seen.result));
            examples_.push_back(std::move(seen.examples));
            if (result_.interrupted) return;
        }
    }

    // Writes the baseline and judges again with it. Returns the exit status of the update: when nothing could be
    // written, it is reported on standard error and a clean result is not clean.
    int update_baseline() {
        std::string const stays = ", so " + rules_.known.path + " was not changed";
        auto const unsure = [](repro::check_result const& c) {
            return c.result == repro::outcome::inconclusive || (c.expected.clean && !c.trouble.empty());
        };
        if (result_.interrupted || std::ranges::any_of(result_.checks, unsure))
            return complain("--update-baseline: a check was inconclusive" + stays, repro::inconclusive);
        try {
            repro::baseline_lock const alone(rules_.known.path);
            rules_.known = baseline_for(options_); // again: another gate may have updated it meanwhile
            repro::judge(result_, rules_);
            repro::baseline const next = repro::updated(result_, rules_);
            repro::save_baseline(next);
            rules_.known = next;
        } catch (traces::trace_error const& e) {
            return complain("--update-baseline: " + std::string(e.what()) + stays, repro::bad_input);
        } catch (repro::input_error const& e) {
            return complain("--update-baseline: " + std::string(e.what()) + stays, repro::bad_input);
        }
        repro::judge(result_, rules_);
        return repro::clean;
    }

    // Keeps known violations of a shard, too: they may be worse than the baseline once all shards are counted together.
    bool is_kept(repro::check_result const& c, repro::gate_violation const& s) const {
        return fails(s) ? c.result == repro::outcome::failed
                        : result_.is_part() && !c.exact && s.stands == repro::standing::known;
    }

    // Keeps the traces of failing checks as DIR/CHECK-1.jsonl and so on. Shards may share the folder.
    void keep_traces() {
        kept_traces folder(options_.keep);
        auto const names = file_names();
        std::string const part = result_.is_part() ? std::to_string(result_.shard->mine.index + 1) + "-" : "";
        for (std::size_t i = 0; i < result_.checks.size(); ++i) {
            repro::check_result& c = result_.checks[i];
            std::vector<std::pair<traces::trace const*, std::string>> kept; // one execution may violate several rules
            for (std::size_t n = 0; n < c.violations.size(); ++n) {
                if (!is_kept(c, c.violations[n])) continue;
                traces::trace const* const t = examples_[i][n].get();
                auto at = std::ranges::find(kept, t, &std::pair<traces::trace const*, std::string>::first);
                if (at == kept.end() && kept.size() == most_kept) continue;
                if (at == kept.end())
                    at = kept.insert(
                        at, {t, folder.keep(part + names.at(c.name) + "-" + std::to_string(kept.size() + 1), *t)});
                c.violations[n].trace = at->second;
            }
            for (std::size_t n = 0; n < c.violations.size(); ++n) { // what follows from a root has no trace of its own
                auto const at = std::ranges::find(
                    kept, examples_[i][n].get(), &std::pair<traces::trace const*, std::string>::first);
                if (c.violations[n].stands == repro::standing::follows && at != kept.end())
                    c.violations[n].trace = at->second;
            }
        }
    }

    // Returns a unique file name for each check of the gate, so that all shards use the same names.
    std::map<std::string, std::string> file_names() const {
        std::map<std::string, std::string> names;
        std::set<std::string> taken;
        for (std::string const& check : rules_.names) {
            std::string const plain = file_name(check);
            std::string name = plain;
            for (unsigned n = 2; !taken.insert(name).second; ++n) name = plain + "-" + std::to_string(n);
            names[check] = name;
        }
        return names;
    }

    // Returns a name that needs no quoting in a shell and stays inside the folder.
    static std::string file_name(std::string const& check) {
        std::string name;
        for (char const c : check) {
            bool const plain =
                (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
            if (plain) name += c;
            else if (!name.empty() && name.back() != '-') name += '-';
        }
        return name.empty() ? "check" : name.substr(0, 100);
    }

    static constexpr std::size_t most_kept = 4; // traces of one check
    gate_options const& options_;
    output& out_;
    repro::gate_rules rules_;
    repro::gate_result result_;
    std::vector<std::vector<std::shared_ptr<traces::trace const>>> examples_; // of result_.checks
};

} // namespace

void add_gate(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<gate_options>();
    CLI::App* const sub =
        app.add_subcommand("gate", "Run the checks of a gate file, or the bundled ones, and report whether they hold");
    sub->add_option("FILE", o->file, "Gate file, see shutdown-repro-gate(5) (default: the bundled suite)");
    sub->add_option("--only", o->only, "Run only the checks that match this name or pattern (*, ?)")
        ->type_name("CHECK")
        ->allow_extra_args(false);
    sub->add_option("--baseline", o->baseline, "File of known violations (default FILE.baseline.json, if it exists)")
        ->type_name("FILE");
    sub->add_flag("--update-baseline", o->update_baseline, "Write the violations that were seen to the baseline");
    sub->add_flag("--allow-stale", o->allow_stale, "Do not fail for stale entries of the baseline");
    sub->add_option("--keep", o->keep, "Folder for the traces of failing checks (default findings)")->type_name("DIR");
    sub->add_option("--jobs", o->jobs, "Number of threads of an exploration (default 1)")
        ->check(whole_number(1, 256))
        ->type_name("J");
    sub->add_option("--server", o->server, "Path of the executable server-under-test (live)")->type_name("PATH");
    sub->add_flag("--no-commands", o->no_commands, "Refuse checks whose target is a file: it names commands to run");
    sub->add_flag("--bisect", o->bisect, "Exit with the statuses that git bisect run expects");
    add_shard_option(*sub, o->shard);
    add_report_options(*sub, o->reports);
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->add_flag("--print", o->print, "Print the bundled gate file, as a start for your own");
    sub->callback([o, &chosen] {
        chosen = [o](output& out) {
            if (o->print) return out.print(repro::bundled_gate_text()), int(repro::clean);
            return reporting_errors(o->json, out, [&] { return gate_run(*o, out).run(); });
        };
    });
}

} // namespace shutdown_repro::cli
