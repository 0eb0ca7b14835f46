# What `cmake --install` puts where: library, headers, pkg-config file, CMake package and licence. The
# command's own folder installs the command.
include(CMakePackageConfigHelpers)

install(TARGETS overlap overlap_static
  EXPORT overlap_targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

# What the shells complete.
install(FILES ${PROJECT_SOURCE_DIR}/completions/overlap.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME overlap)
install(FILES ${PROJECT_SOURCE_DIR}/completions/_overlap DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${PROJECT_SOURCE_DIR}/completions/overlap.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# All that is installed, and no more: what ./run builds, so that `cmake --install` has it there.
add_custom_target(installable DEPENDS overlap_tool overlap overlap_static overlap_agent)
foreach(target manual overlap_mpi) # each where what it is made with is here
  if(TARGET ${target})
    add_dependencies(installable ${target})
  endif()
endforeach()

# `cmake --build BUILD --target uninstall` takes away what the last install put there.
add_custom_target(uninstall
  COMMAND ${CMAKE_COMMAND} -D MANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt
    -P ${CMAKE_CURRENT_LIST_DIR}/uninstall.cmake
  COMMENT "Taking away what was installed" VERBATIM)

# find_package(overlap) gives overlap::overlap and overlap::overlap_static.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/overlap)
install(EXPORT overlap_targets NAMESPACE overlap:: DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/overlap-config.cmake.in
  ${PROJECT_BINARY_DIR}/overlap-config.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/overlap-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/overlap-config.cmake
  ${PROJECT_BINARY_DIR}/overlap-config-version.cmake
  DESTINATION ${package_folder})

# The pkg-config file is made when it is installed, since `cmake --install --prefix` may name another prefix.
install(CODE "
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  set(PROJECT_DESCRIPTION \"${PROJECT_DESCRIPTION}\")
  set(CMAKE_INSTALL_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
  set(CMAKE_INSTALL_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
  set(pkgconfig_template \"${CMAKE_CURRENT_LIST_DIR}/overlap.pc.in\")
  set(pkgconfig_file \"${PROJECT_BINARY_DIR}/overlap.pc\")
  include(\"${CMAKE_CURRENT_LIST_DIR}/install-pkgconfig.cmake\")")

# The Debian package: `cpack` in the build folder.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME overlap)
set(CPACK_PACKAGE_VENDOR "the overlap project")
set(CPACK_PACKAGE_CONTACT "the overlap project <overlap@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "finds out which kind of concurrency a program needs, and gives it that")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Calls one plain, blocking function on many items: one after the other, in threads,
in coroutines or in processes, without a rewrite. The command measures what each
would gain, downloads many URLs, and runs commands over many inputs.")
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What is loaded while it runs is found by no look at the program.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 | libcurl4t64 | libcurl3-gnutls, libssl3 | libssl3t64")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/package-folders.cmake)
include(CPack)
