// The scope state machine of the first report's runtime (php-async at 1845be2; tests/data/trueasync.md says how and
// where it was observed). A scope owns coroutines and child scopes and can be canceled, awaited and disposed.
//
// These states are separate on purpose, because the defect lies between them:
//   - finished and removed: a coroutine that has finished still belongs to its scope while its completion hook runs and
//     its error climbs;
//   - canceled, done and empty: a canceled scope counts as done at once, even if coroutines still run in it;
//   - the owner object and the reference: ending the object does not end the scope, but releasing the last reference
//     does, by raw disposal, which asserts that the scope is empty instead of making it empty.
//
// Invariants: an active coroutine is counted in `active`, a soft-canceled one (zombie) in `zombies`, until it is
// removed. A scope is freed once. A freed scope keeps its memory as long as the runtime, so that an access to it can be
// recorded (scope.access) instead of being undefined.
#pragma once
#include <string>
#include <vector>
#include "server_under_test/scopes/coroutine.hpp"

namespace shutdown_repro::server {

class runtime;

class scope {
public:
    traces::ref id;
    std::string name;
    scope* parent = nullptr;
    std::vector<scope*> children;
    std::vector<coroutine*> members;     // coroutines spawned into it and not removed
    std::vector<completion_wait*> waits; // waits that end when it completes, fails or is canceled
    std::uint32_t refs = 1;              // number of references; the first is the owning reference
    std::uint32_t holds = 0;             // number of references held by notifications in progress
    std::uint32_t active = 0, zombies = 0;
    std::uint32_t population = 0; // number of members in the subtree
    bool safe = false;            // its cancellation is soft
    bool has_object = false;      // it has an owner object; without one it disposes itself when it becomes empty
    bool handles_errors = false;  // an error that reaches it stops there
    bool doomed = false;          // a coroutine spawned into its subtree is dropped at once
    bool cancelled = false, closed = false, disposing = false, freed = false;
    signal emptied; // raised each time the population becomes 0

    // isFinished(): no coroutine of the subtree is active. A closed or canceled scope counts as finished in any case.
    bool finished() const { return done(false); }

    // Ends the owner object: disposes the scope if possible, otherwise cancels it in its own mode.
    void release_object(runtime&);
    void cancel(runtime& rt) { cancel(rt, safe); }
    void cancel(runtime&, bool softly);
    // Cancels every coroutine of the subtree hard, whatever the state of the scopes, and dooms later ones.
    void cancel_everything(runtime&);
    void add_reference() { ++refs; }
    // Releases one reference. Releasing the last one is a raw disposal.
    void release(runtime&, std::string_view via);

    // For coroutine.cpp.
    bool accepts(runtime&); // records a refusal and returns false if the scope is freed or closed
    void add(coroutine&);
    void remove(runtime&, coroutine&); // removes it, notifies completion upwards, and disposes the scope if possible
    void became_zombie(runtime&, coroutine&);
    bool catch_error(runtime&, coroutine& from); // passes the error upwards; returns whether it was taken
    bool contains(coroutine const&) const;

    void reset(); // restores the initial state, but keeps the capacity

private:
    enum class cause : std::uint8_t { none, cancellation, error };
    bool done(bool with_zombies) const;
    bool disposable() const; // strictly empty, and without an owner object
    bool climb(runtime&, coroutine& from, bool softly);
    void mark_closed(runtime&);
    bool cancel_inside(runtime&, bool softly, cause);
    bool notify(runtime&, cause); // returns whether a listener took the error
    void completed(runtime&);
    bool try_dispose(runtime&);
    void dispose(runtime&);
    void detach(runtime&);
    void drop_waits();
    void insist_on_counts() const;
    void change_population(int by, runtime* raise);
    bool touch(runtime&, std::string_view operation) const; // ends the process and returns false if the scope is freed
};

} // namespace shutdown_repro::server
