#include "repro/target/adapter.hpp"
#include <array>
#include <cstdlib>
#include <filesystem>
#include "repro/input/errors.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::array adapters = {
    adapter_info{"asyncio", "Python's asyncio: tasks, servers, timers, exceptions"},
    adapter_info{"mojolicious", "Perl's Mojolicious: loops, streams, servers, transactions, user agents"},
    adapter_info{"own", "the target implements the protocol itself, for example with shutdown_repro.hpp"},
};

std::filesystem::path adapters_folder() {
    std::error_code none; // then the folder is not found
    auto const here = std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
    auto const installed = here.parent_path() / "share/shutdown-repro/adapters"; // the build tree has this folder, too
    if (std::filesystem::is_directory(installed)) return installed;
    throw input_error("cannot find the adapters: looked at " + installed.string() +
        "; install shutdown-repro, or configure its build again");
}

// Returns the value of the variable with `first` in front.
std::string prepended(std::string const& first, char const* variable, char const* separator) {
    char const* const before = std::getenv(variable);
    return before && *before ? first + separator + before : first;
}

void must_exist(std::string const& name) {
    std::string known;
    for (adapter_info const& a : adapters) {
        if (a.name == name) return;
        known += (known.empty() ? "" : ", ") + std::string(a.name);
    }
    throw input_error("unknown adapter \"" + name + "\"; the adapters are " + known);
}

} // namespace

std::span<adapter_info const> all_adapters() { return adapters; }

std::vector<std::pair<std::string, std::string>> environment_of(white_box const& w) {
    if (w.adapter.empty()) return {};
    must_exist(w.adapter);
    bool const ordered = !w.order.empty() || w.decisions;
    if (!w.order.empty() && w.order != "client-first" && w.order != "server-first")
        throw input_error("--order must be client-first or server-first, not \"" + w.order + "\"");

    std::vector<std::pair<std::string, std::string>> set{{"SHUTDOWN_REPRO_TRACE", w.trace}};
    if (!w.control.empty()) set.emplace_back("SHUTDOWN_REPRO_CONTROL", w.control);
    if (!w.order.empty()) set.emplace_back("SHUTDOWN_REPRO_ORDER", w.order);
    if (w.decisions) set.emplace_back("SHUTDOWN_REPRO_DECISIONS", to_string(*w.decisions));
    if (w.adapter == "mojolicious") {
        set.emplace_back("PERL5LIB", prepended((adapters_folder() / "perl").string(), "PERL5LIB", ":"));
        set.emplace_back("PERL5OPT", prepended("-MShutdownRepro::Mojolicious", "PERL5OPT", " "));
        if (ordered) set.emplace_back("MOJO_REACTOR", "ShutdownRepro::Reactor");
        if (ordered)
            set.insert(set.end(),
                {{"PERL_HASH_SEED", "0"}, {"PERL_PERTURB_KEYS", "0"}}); // makes the order of hashes repeatable
    } else if (w.adapter == "asyncio") {
        set.emplace_back("PYTHONPATH", prepended((adapters_folder() / "python").string(), "PYTHONPATH", ":"));
        if (ordered) set.emplace_back("PYTHONHASHSEED", "0");
    }
    return set;
}

} // namespace shutdown_repro::repro
