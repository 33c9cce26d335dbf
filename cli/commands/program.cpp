#include "cli/commands/program.hpp"
#include <csignal>
#include <exception>
#include <system_error>
#include "cli/commands/bisect.hpp"
#include "cli/commands/command.hpp"
#include "cli/options/arguments.hpp"
#include "repro/input/errors.hpp"
#include "repro/live/live.hpp"
#include "traces/format/jsonl.hpp"

namespace {
using namespace shutdown_repro;

constexpr void (*commands[])(CLI::App&, cli::job&) = {cli::add_run, cli::add_explore, cli::add_replay, cli::add_shrink,
    cli::add_check, cli::add_inspect, cli::add_diff, cli::add_merge, cli::add_list, cli::add_explain, cli::add_gate,
    cli::add_completion};

int run(int argc, char** argv) {
    CLI::App app{
        "Reproduces, finds, explains and gates the bugs that servers have while they shut down.", "shutdown-repro"};
    cli::output out;
    cli::job chosen;
    app.set_version_flag("--version", "shutdown-repro " SHUTDOWN_REPRO_VERSION);
    std::string color = "auto";
    app.add_option("--color", color, "Color the output: auto (on a terminal, the default), always or never")
        ->check(cli::one_of({"auto", "always", "never"}));
    app.footer("Exit status: 0 clean, 1 violated or different, 2 usage or bad input, 3 inconclusive, 4 nothing "
               "selected, 5 stale baseline, 6 replay diverged, 70 internal error.");
    for (auto add : commands) add(app, chosen);
    int status = repro::clean;
    try {
        cli::parse(app, argc, argv);
        out.color = color == "always" ? cli::coloring::always
            : color == "never"        ? cli::coloring::never
                                      : cli::coloring::automatic;
        status = chosen(out);
    } catch (CLI::CallForHelp const&) { out.print(app.help()); } catch (CLI::CallForVersion const& e) {
        out.print(std::string(e.what()) + "\n");
    }
    out.finish();
    return status;
}

// Runs the program and turns each exception into a message on standard error and an exit status.
int run_and_report(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (repro::input_error const& e) {
        return cli::complain(e.what(), e.exit_status);
    } catch (traces::trace_error const& e) {
        return cli::complain(e.what(), repro::bad_input);
    } catch (std::system_error const& e) { // for example, no memory to fork a process
        return cli::complain(e.what(), repro::bad_input);
    } catch (repro::interruption const& i) {
        cli::complain("interrupted" + (i.kept.empty() ? "" : "; the trace so far is in " + i.kept), 0);
        std::signal(i.signal, SIG_DFL);
        return std::raise(i.signal);
    } catch (std::exception const& e) {
        return cli::complain(std::string("internal error (please report it): ") + e.what(), repro::internal_error);
    }
}

} // namespace

namespace shutdown_repro::cli {

int run_program(int argc, char** argv) {
    reserve_standard_streams();
    return exit_status(run_and_report(argc, argv), argc, argv);
}

} // namespace shutdown_repro::cli
