#ifdef SHUTDOWN_REPRO_CATCH3
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif
#include <iostream>
#include "tests/skip.hpp"

static bool skipped = false;

void shutdown_repro::tests::skip(std::string const& why) {
    skipped = true;
    std::cout << "SKIPPED: " << why << std::endl;
}

int main(int argc, char** argv) {
    int const failed = Catch::Session().run(argc, argv);
    return failed == 0 && skipped ? shutdown_repro::tests::skipped_status : failed;
}
