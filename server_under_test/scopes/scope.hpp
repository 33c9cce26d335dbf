// The scope state machine, as the first report's runtime has it (php-async at 1845be2; tests/data/trueasync.md says how it
// was observed and where). A scope owns coroutines and child scopes and can be cancelled, awaited and disposed.
//
// What makes the defect possible is kept apart on purpose:
//   - finished and removed: a coroutine that has finished still belongs to its scope while its completion hook runs and its
//     error climbs;
//   - cancelled, done and empty: a cancelled scope counts as done at once, whoever still runs in it;
//   - the owner object and the reference: ending the object does not end the scope, dropping the last reference does, by
//     raw disposal, which asserts emptiness instead of establishing it.
//
// Obligations. An active coroutine is counted in `active`, a soft-cancelled one (zombie) in `zombies`, until it is removed.
// A scope is freed once. Freed scopes keep their memory until the runtime goes, so that an access to one is recorded
// (scope.access) and never real.
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
    std::vector<coroutine*> members;     // spawned into it and not removed
    std::vector<completion_wait*> waits; // who is told when it completes, fails or is cancelled
    std::uint32_t refs = 1;              // one at creation: the owning reference
    std::uint32_t holds = 0;             // of refs, those that notifications under way hold
    std::uint32_t active = 0, zombies = 0;
    std::uint32_t population = 0; // members of the subtree
    bool safe = false;            // its cancellation is soft
    bool has_object = false;      // an owner object exists; without one it disposes itself when it runs empty
    bool handles_errors = false;  // an error that reaches it ends here
    bool doomed = false;          // whoever is spawned into its subtree is dropped at once
    bool cancelled = false, closed = false, disposing = false, freed = false;
    signal emptied; // each time the population falls to zero

    // isFinished(): nothing active in the subtree; a closed or cancelled scope counts as finished whoever runs in it.
    bool finished() const { return done(false); }

    // The owner object goes: disposes the scope when that is possible, otherwise cancels it in its own mode.
    void release_object(runtime&);
    void cancel(runtime& rt) { cancel(rt, safe); }
    void cancel(runtime&, bool softly);
    // Hard-cancels every coroutine of the subtree, in whatever state the scopes are, and dooms later ones.
    void cancel_everything(runtime&);
    void add_reference() { ++refs; }
    // Drops one reference; the last one disposes raw.
    void release(runtime&, std::string_view via);

    // For the coroutine's life (coroutine.cpp).
    bool accepts(runtime&); // false: refused, and said so
    void add(coroutine&);
    void remove(runtime&, coroutine&); // removal, completion upwards, disposal when possible
    void became_zombie(runtime&, coroutine&);
    bool catch_error(runtime&, coroutine& from); // the error climbs; true when somebody took it
    bool contains(coroutine const&) const;

    void reset(); // as new, capacity kept

private:
    enum class cause : std::uint8_t { none, cancellation, error };
    bool done(bool with_zombies) const;
    bool disposable() const; // strict: truly empty, and nobody owns it
    bool climb(runtime&, coroutine& from, bool softly);
    void mark_closed(runtime&);
    bool cancel_inside(runtime&, bool softly, cause);
    bool notify(runtime&, cause); // true: a listener took the error
    void completed(runtime&);
    bool try_dispose(runtime&);
    void dispose(runtime&);
    void detach(runtime&);
    void drop_waits();
    void change_population(int by, runtime* raise);
    bool touch(runtime&, std::string_view operation) const; // false: it is gone, and the process with it
};

} // namespace shutdown_repro::server
