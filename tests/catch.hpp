// Catch2 2 and 3 by one name.
#pragma once
#ifdef SHUTDOWN_REPRO_CATCH3
#include <catch2/catch_all.hpp>
inline auto ContainsSubstring(std::string const& s) { return Catch::Matchers::ContainsSubstring(s); }
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(std::string const& s) { return Catch::Matchers::Contains(s); }
#endif
