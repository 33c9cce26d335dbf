#include "cli/report/named_twin.hpp"
#include <filesystem>
#include <nlohmann/json.hpp>

namespace shutdown_repro::cli {

namespace fs = std::filesystem;

named_twin twin_named_in(traces::header const& h, std::string const& trace) {
    auto const document = nlohmann::json::parse(h.twin, nullptr, false);
    auto const text = [&](char const* key) {
        return document.contains(key) && document[key].is_string() ? document[key].get<std::string>() : std::string();
    };
    if (!document.is_object()) return {};
    named_twin twin;
    fs::path const name = text("trace"), beside = fs::path(trace).parent_path() / name;
    std::error_code ignored;
    if (trace != "-" && !name.empty() && name == name.filename() && fs::is_regular_file(beside, ignored))
        twin.path = beside.string();
    if (document.contains("decision") && document["decision"].is_number_unsigned())
        twin.passes = "when decision " + document["decision"].dump() + " is not \"" + text("taken") + "\" but \"" +
            text("instead") + "\"";
    return twin;
}

} // namespace shutdown_repro::cli
