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
