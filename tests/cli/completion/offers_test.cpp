// Tests what completion offers against the declarations of the parser, so that a new option or value can't be left out.
#include <algorithm>
#include <set>
#include "cli/commands/command.hpp"
#include "cli/completion/completion.hpp"
#include "cli/options/arguments.hpp"
#include "repro/target/target.hpp"
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/scopes/config.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::cli;

namespace {

using words = std::vector<std::string>;

// Names of values that no list can hold. Every other value must offer words, files or folders.
std::set<std::string> const free_values = {
    "N", "MS", "S", "J", "I/N", "SEQ", "ID", "EXPR", "KEY=VALUE", "/PATH", "TIME", "CONDITION", "STATUS"};

struct parser {
    CLI::App app{"for a test", "shutdown-repro"};
    job chosen;
    parser() {
        for (auto const add : {add_run, add_explore, add_replay, add_shrink, add_check, add_inspect, add_diff,
                 add_merge, add_list, add_explain, add_gate, add_completion})
            add(app, chosen);
    }
};

bool offers(completion_value const& v) { return !v.words.empty() || v.files || v.folders; }

// Returns the completion of an option of a subcommand.
option_completion completion_of(command_completions const& all, std::string const& command, std::string const& name) {
    auto const c = std::ranges::find(all, command, &command_completion::name);
    REQUIRE(c != all.end());
    auto const o = std::ranges::find_if(
        c->options, [&](option_completion const& each) { return std::ranges::count(each.names, name) > 0; });
    INFO(command << " " << name);
    REQUIRE(o != c->options.end());
    return *o;
}

words offered(command_completions const& all, std::string const& command, std::string const& option) {
    return completion_of(all, command, option).value.words;
}

template <class enumeration> void check_offers_all_words_of(words const& some) {
    for (std::string_view const word : server::words<enumeration>()) {
        INFO(word);
        CHECK(std::ranges::count(some, word) == 1);
    }
}

} // namespace

TEST_CASE("completion offers every option of the parser, and values for each that takes one of a known kind") {
    parser p;
    command_completions const all = completions_of(p.app);
    std::string const help = cli_tests::run({"--help"}).out;
    std::ptrdiff_t const subcommands = std::ranges::count_if(cli_tests::lines(help.substr(help.find("Subcommands:"))),
        [](std::string const& line) { return line.starts_with("  ") && !line.starts_with("   "); });
    CHECK(subcommands + 1 == std::ssize(all)); // the program itself comes first
    for (command_completion const& c : all) CHECK_THAT(help, ContainsSubstring("\n  " + c.name));
    std::set<std::string> without_offers;
    for (CLI::App* sub : p.app.get_subcommands([](CLI::App*) { return true; })) {
        auto const c = std::ranges::find(all, sub->get_name(), &command_completion::name);
        REQUIRE(c != all.end());
        for (place_completion const& place : c->places) {
            INFO(sub->get_name() << " " << place.value.name);
            CHECK(offers(place.value));
        }
        for (CLI::Option* o : sub->get_options([](CLI::Option* any) { return !any->get_positional(); })) {
            INFO(sub->get_name() << " " << o->get_name());
            option_completion const found = completion_of(all, sub->get_name(), "--" + o->get_lnames().at(0));
            CHECK(found.takes_value == (o->get_items_expected_max() > 0));
            if (!found.takes_value || offers(found.value)) continue;
            CHECK(free_values.contains(found.value.name));
            without_offers.insert(found.value.name);
        }
    }
    CHECK(without_offers == free_values); // a name that no option has would hide a later mistake
}

TEST_CASE("completion offers each word that the parser accepts for a value that is one of several words") {
    parser p;
    command_completions const all = completions_of(p.app);
    std::size_t choices = 0;
    for (CLI::App* sub : p.app.get_subcommands([](CLI::App*) { return true; }))
        for (CLI::Option* o : sub->get_options()) {
            CLI::Validator const* const choice = choice_of(*o);
            if (!choice || o->get_positional()) continue;
            ++choices;
            for (std::string word : offered(all, sub->get_name(), "--" + o->get_lnames().at(0))) {
                INFO(sub->get_name() << " " << o->get_name() << " " << word);
                CHECK((*choice)(word).empty());
            }
        }
    CHECK(choices > 3);
}

TEST_CASE("completion offers every policy, order, moment of a stop and signal by the words of their tables") {
    parser p;
    command_completions const all = completions_of(p.app);
    for (char const* const command : {"run", "explore"}) {
        check_offers_all_words_of<server::policy>(offered(all, command, "--policy"));
        check_offers_all_words_of<server::reactor_policy>(offered(all, command, "--policy"));
        check_offers_all_words_of<server::serve_order>(offered(all, command, "--order"));
        for (char const* const option : {"--stop-at", "--free-at"})
            for (char const* const word : {"handler", "any", "never", "request.begin#1", "server.ready#1"})
                CHECK(std::ranges::count(offered(all, command, option), word) == 1);
        check_offers_all_words_of<server::stop_moment>(offered(all, command, "--stop-at"));
    }
    words const signals = offered(all, "run", "--signal");
    CHECK(signals.size() > 20);
    CHECK(std::ranges::count(signals, "SIGTERM") == 1);
    for (std::string const& signal : signals) CHECK(repro::parse_signal(signal) > 0);
}
