// A folder for the files of one execution. Only this user can read it; the destructor removes it.
#pragma once
#include <string>

namespace shutdown_repro::repro {

class private_folder {
public:
    private_folder(); // throws input_error when the folder can't be created
    private_folder(private_folder const&) = delete;
    ~private_folder();
    std::string const& path() const { return path_; }
    std::string file(std::string const& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

} // namespace shutdown_repro::repro
