#include "cli/options/document_kind.hpp"
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr std::uintmax_t largest_document = 1 << 20;

// "target" for shutdown-repro/target; a scenario names no format. "" for anything else.
std::string kind_in(std::string const& path) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(path, failed) || std::filesystem::file_size(path, failed) > largest_document)
        return {};
    std::ifstream in(path);
    auto const document = nlohmann::json::parse(in, nullptr, false);
    if (!document.is_object()) return {};
    auto const format = document.find("format");
    if (format == document.end()) return document.contains("scenario") ? "scenario" : "";
    constexpr std::string_view ours = "shutdown-repro/";
    if (!format->is_string() || !format->get_ref<std::string const&>().starts_with(ours)) return {};
    return format->get<std::string>().substr(ours.size());
}

} // namespace

void refuse_other_document(std::string const& path, std::string_view wanted) {
    std::string const kind = kind_in(path);
    std::vector<std::string> command{"shutdown-repro"};
    if (kind == "target") command.insert(command.end(), {"run", "--target"});
    else if (kind == "gate") command.emplace_back("gate");
    else if (kind == "scenario") command.emplace_back("run");
    else if (kind == "schedule") command.emplace_back("replay");
    else return;
    if (kind == wanted) return;
    command.push_back(path);
    throw repro::input_error(
        path + " is a " + kind + ", not a " + std::string(wanted) + "; use: " + shell_line(command));
}

} // namespace shutdown_repro::cli
