# The Debian package: `./dev package`, or cpack in a built folder. It has what `cmake --install` installs, as Debian wants it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME shutdown-repro)
set(CPACK_PACKAGE_CONTACT "shutdown-repro developers <developers@shutdown-repro.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "find and explain bugs of servers that shut down
 Runs a server in a world in which the moment of stop and free and every
 order of events can be chosen and repeated, records what happened as a
 trace, and judges the trace by rules that know no server. Violations are
 explained step by step, replayed to the byte, shrunk, and kept out by a
 gate for continuous integration.")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/stage.cmake)
include(CPack)
