// Says which document a file is when it is given where another kind is expected.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::cli {

// Throws input_error that names the command for it, when the file is a document of ours of another kind than `wanted`:
// "target", "gate", "scenario" or "schedule". Does nothing when it can't tell, and reads nothing but plain files.
void refuse_other_document(std::string const& path, std::string_view wanted);

} // namespace shutdown_repro::cli
