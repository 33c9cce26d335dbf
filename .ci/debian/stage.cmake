# Run by cpack over the installed files before they are packed: the papers of a Debian package, and manuals compressed.
set(doc ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/shutdown-repro)
set(here ${CMAKE_CURRENT_LIST_DIR})

file(READ ${doc}/LICENSE licence)
string(REGEX REPLACE "^MIT License\n\nCopyright [^\n]*\n\n" "" licence "${licence}")
string(STRIP "${licence}" licence)
string(REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REPLACE "\n" "\n " licence "${licence}")
file(READ ${here}/copyright copyright)
file(WRITE ${doc}/copyright "${copyright} ${licence}\n")
file(REMOVE ${doc}/LICENSE) # its text is in there

file(COPY ${here}/changelog DESTINATION ${doc} FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(GLOB pages ${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/man*/*)
execute_process(COMMAND gzip -9n ${pages} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
