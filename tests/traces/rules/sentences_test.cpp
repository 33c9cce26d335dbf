// What the sentence of each rule says, where a rule is easily wrong: one trace each in tests/data/sentences.
#include <filesystem>
#include <set>
#include <sstream>
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

struct row {
    std::string_view trace, right, because; // + the rule is reported, - it is not
};

constexpr row rows[] = {
    {"sdn-child-begun-first", "+scope-disposed-nonempty",
        "a child scope whose disposal has begun still has a coroutine below it"},
    {"lost-removed-unfinished", "+coroutine-lost", "a coroutine is removed before it has finished"},
    {"sac-removed-unrun", "+spawn-after-close", "a submission to a closed scope is removed without having run"},
    {"raf-after-remove-from-hook", "+coroutine-resumed-after-finish", "a removal ends the hook that had suspended"},
    {"bg-destroyed", "+background-work-lost", "detached work is destroyed"},
    {"bg-removed", "+background-work-lost", "detached work is removed before it has finished"},
    {"cna-detached-finish-later", "+cancelled-not-awaited", "detached work that was cancelled finishes after the stop"},
    {"cna-two-servers", "-cancelled-not-awaited", "another server stops"},
    {"hook-late", "+shutdown-hook-skipped", "a hook runs after the end of the stop"},
    {"hook-other-server", "-shutdown-hook-skipped", "another server stops while the hook runs"},
    {"tl-loop-of-another-starts", "+timer-lost", "another loop starts after the end of the timer's"},
    {"tl-fired-after-its-loop", "+timer-lost", "a timer fires after its loop has ended"},
    {"aaf-destroy", "+access-after-free", "a freed server is destroyed"},
    {"cad-server-object-free", "+callback-after-destroy", "object.free frees a server, too"},
    {"twice-unopened", "+scope-disposed-twice", "the trace began after the scope was opened"},
    {"tad-cancelled", "+timer-after-destroy", "a cancelled timer fires"},
    {"leak-other-freed", "-scope-leaked", "the other server was freed"},
    {"as-libstdcxx", "+assertion-failed", "the words of libstdc++"},
    {"as-near-stdout-url", "-assertion-failed", "a URL in an access log"},
    {"as-repeated", "-assertion-failed -crash-on-stop", "a server that repeats what others printed, and ends well"},
    {"as-repeated-then-killed", "-assertion-failed -crash-on-stop", "the same, ended by the stop's own signal"},
    {"as-of-a-worker", "+assertion-failed", "a worker that prints to the same place aborts"},
    {"cos-report-behind-words", "+crash-on-stop", "the server ends badly after a report behind other words"},
    {"cos-go-panic-recovered", "-crash-on-stop", "a panic that was recovered"},
    {"cos-sent-to-worker", "+crash-on-stop", "the signal was sent to another process"},
    {"cri-closed-event", "+connection-reset-inflight", "the connection is closed while a request waits"},
    {"aas-readiness-leaves", "-accept-after-stop", "a readiness probe that leaves"},
    {"rsf-fail-503", "-response-short-framed", "an error has a body of its own"},
    {"esm-goaway", "+exit-status-misleading", "a stream that GOAWAY had announced is lost"},
    {"lost-finished-suspended-after-cleanup", "+coroutine-lost -finalized-while-queued",
        "the cancellation was of an earlier suspension"},
    {"cna-own-server", "+cancelled-not-awaited", "its own server stops first"},
    {"cna-named-owner", "-cancelled-not-awaited", "the trace names the owner of the scope"},
    {"cna-of-its-loop", "-cancelled-not-awaited", "the program awaits it, not the server"},
    {"cna-scope-disposed-under-it", "+cancelled-not-awaited", "its scope was cancelled and disposed with it inside"},
    {"leak-of-freed", "+scope-leaked", "its own server was freed"},
    {"leak-around-a-live-server", "-scope-leaked", "a scope around the scope of a server that lives"},
    {"sdn-grandchild-forgotten", "+scope-disposed-nonempty", "a used scope two levels below is not disposed"},
    {"sdn-child-of-the-disposed", "+scope-disposed-nonempty",
        "its parent was disposed first, the scope above that later"},
    {"sdn-freed", "+scope-disposed-nonempty", "object.free disposes of a scope, too"},
    {"lost-freed", "+coroutine-lost", "object.free removes a coroutine, too"},
    {"lost-other-loop-runs", "-coroutine-lost", "another loop can still wake it"},
    {"lost-work-of-a-dropped-request", "+coroutine-lost -background-work-lost", "nobody was promised it"},
    {"bg-other-server", "-background-work-lost", "its server was not asked to stop"},
    {"raf-started-again", "+coroutine-resumed-after-finish", "a finished coroutine is started"},
    {"aaf-removed-twice", "+access-after-free", "a second removal"},
    {"aaf-freed-twice", "+access-after-free", "a server that the trace never opened is freed twice"},
    {"aaf-hook-of-freed", "+access-after-free", "a hook is registered at a freed server"},
    {"hook-early", "+shutdown-hook-skipped", "a hook ran before the stop"},
    {"hook-freed-while-it-runs", "+shutdown-hook-skipped", "a hook is freed in the midst of its run"},
    {"hook-server-lives", "-shutdown-hook-skipped", "its server was not stopped"},
    {"hook-in-second-run", "-shutdown-hook-skipped", "the loop runs again, and then the hook"},
    {"listener-of-attach", "+listener-notified-after-free", "the subject is known from the registration"},
    {"depends-on-freed", "+destroy-order-inverted", "the provider was freed before"},
    {"tl-cancelled-later", "-timer-lost", "the program cancels it after the loop"},
    {"tl-worker-exits", "-timer-lost", "another process exits"},
    {"tad-cancelled-before", "+timer-after-destroy", "cancelled, then its owner freed, then it fires"},
    {"loop-runs-again", "-loop-stopped-with-pending-work", "the loop runs again"},
    {"early-other-server", "-stop-returned-early", "the request is of another server"},
    {"early-then-exit", "+stop-returned-early", "each request is judged by the end of its own server"},
    {"deadlock-other-server", "-stop-from-handler-deadlock +coroutine-lost", "it waits for the stop of another server"},
    {"cos-worker-was-sent-it", "-crash-on-stop", "the worker was sent the signal"},
    {"cos-undefined-behavior", "+crash-on-stop", "the words of UndefinedBehaviorSanitizer"},
    {"cos-report-in-a-log", "-crash-on-stop", "a URL that speaks of a sanitizer"},
    {"cos-service-prefix", "+crash-on-stop", "a supervisor puts the name of the service before each line"},
    {"as-logged", "-assertion-failed", "an exception that the server logged and survived"},
    {"as-uncaught", "+assertion-failed", "an exception that ended the process"},
    {"as-survived-until-the-stop", "-assertion-failed", "the process lived on until it was stopped"},
    {"as-of-a-worker", "+assertion-failed", "the worker that printed it ended"},
    {"as-libcxx", "+assertion-failed", "the words of libc++"},
    {"cri-closed-orderly", "+connection-reset-inflight", "the connection is closed in order while a request waits"},
    {"cri-half-a-body", "+connection-reset-inflight", "the server had the head and a part of the body"},
    {"cri-rest-of-a-body", "+connection-reset-inflight", "the rest of the body came after the stop"},
    {"cri-half-a-head", "-connection-reset-inflight +partial-request-dropped", "the server had no complete head"},
    {"trunc-closed", "+response-truncated", "the connection is closed within a response"},
    {"esm-closed", "+exit-status-misleading", "a close loses a request, too"},
    {"esm-status-after-a-loss", "-exit-status-misleading", "a status other than 0 after a loss is right"},
    {"esm-second-stop", "+exit-status-misleading", "a second stop loses what the first had kept"},
    {"sni-closed", "+stop-not-idempotent", "the second stop closes the connection"},
    {"rsf-whole-close-delimited", "-response-short-framed", "all of the body has come"},
    {"aas-late-leaves", "+accept-after-stop", "a customer who leaves was accepted as well"},
    {"goaway-of-another", "-goaway-stream-loss", "another connection got the GOAWAY"},
    {"sni-third-stop-forces", "-connection-reset-inflight -stop-not-idempotent",
        "the third stop is documented to end the server at once"},
    {"sni-after-the-latest", "+stop-not-idempotent -connection-reset-inflight", "the third stop loses it"},
    {"sls-ready-before", "-stop-lost-at-startup +killed-after-grace", "it was ready before the stop"},
    {"upr-stopped", "-unix-path-removed", "a server that is stopped has no successor"},
    {"upr-effect-seen-later", "+unix-path-removed -refused-during-reload", "the successor is seen to serve later"},
    {"rdr-path-gone-and-no-successor", "+refused-during-reload -unix-path-removed", "no successor explains it"},
    {"rdr-idle-connection-reset", "-refused-during-reload", "an idle connection is reset, and none is refused"},
    {"ogs-no-new-generation", "-old-generation-stuck +reload-without-effect", "no new generation serves"},
    {"ssf-stopped-by-a-command", "+killed-after-grace -stop-signal-not-forwarded",
        "no signal was sent that could have been forwarded"},
    {"kag-wrapper-killed-too", "+stop-signal-not-forwarded -killed-after-grace",
        "the wrapper that did not forward the signal has to be killed"},
    {"pid1-of-the-descendant", "+pid1-ignores-signal -killed-after-grace",
        "process 1 of the namespace is a descendant, and the first process is killed"},
    {"pid1-killed-by-another", "+crash-on-stop -pid1-ignores-signal", "somebody else killed it"},
    {"ssu-no-stop", "-stop-signal-unhandled", "nothing is stopped"},
    {"ssu-awaited", "-stop-signal-unhandled", "a thread waits for the signal"},
    {"em-killed", "+killed-after-grace -effect-missing", "a killed server leaves nothing"},
    {"em-not-looked", "-effect-missing", "the trace does not say whether it is there"},
    {"res-bad-without-a-stop", "-response-error-at-stop", "without a stop the response is worse"},
    {"res-other-error-page", "-response-error-at-stop", "without a stop the response is no good one"},
    {"br-connection-told-late", "+backlog-reset", "the trace began after the connection"},
    {"prd-half-request-answered", "-partial-request-dropped", "half a request gets a complete response"},
    {"prd-half-request-cut", "+response-truncated -partial-request-dropped", "half a request gets half a response"},
    {"prd-forced", "-partial-request-dropped", "a second stop that ends the server at once"},
    {"gsl-in-a-reload", "+goaway-stream-loss -connection-reset-inflight", "the old worker loses what it announced"},
    {"gsl-above-in-a-reload", "-goaway-stream-loss -connection-reset-inflight", "it was not announced"},
    {"wef-at-once", "-wrapper-exits-first", "the process that serves exits 20 ms later"},
    {"fd-sooner-without-clients", "-full-delay-without-work", "without a client it takes a quarter of the time"},
    {"esm-half-sent", "-exit-status-misleading", "a request that was half sent is lost"},
    {"esm-short-body", "+exit-status-misleading", "a response whose body is too short is a loss"},
    {"clo-begun-before-the-rest", "-close-not-announced", "the response began before the rest of its request was sent"},
    {"rt-no-head", "+response-truncated -response-short-framed", "the response ends within its head"},
};

std::string const sentences_folder = TEST_DATA "/sentences/";

std::set<std::string_view> reported_in_file(std::string const& name) {
    rule_run run;
    read_result const r = read_stream(sentences_folder + name + ".jsonl", run);
    run.finish(r.has_footer && r.problems.empty());
    std::set<std::string_view> found;
    for (violation const& v : run.violations()) found.insert(v.rule);
    return found;
}

} // namespace

TEST_CASE("a rule reports what its sentence says, and nothing else") {
    for (row const& r : rows) {
        INFO(r.trace << ": " << r.because);
        auto const found = reported_in_file(std::string(r.trace));
        std::istringstream words{std::string(r.right)};
        for (std::string word; words >> word;) {
            INFO(word);
            REQUIRE(find_rule(std::string_view(word).substr(1)));
            CHECK(found.count(std::string_view(word).substr(1)) == (word[0] == '+' ? 1 : 0));
        }
    }
}

TEST_CASE("each trace of a sentence has its row") {
    std::set<std::string> there, named;
    for (auto const& f : std::filesystem::directory_iterator(sentences_folder)) there.insert(f.path().stem().string());
    for (row const& r : rows) named.insert(std::string(r.trace));
    CHECK(there == named);
}
