# SPDX-License-Identifier: MIT
# Debian packages kibray-gateway, kibray-broker and, if web/dist was built, kibray-web:
# cpack --preset package. What the programs link to is found out by dpkg-shlibdeps.
if(NOT KIBRAY_PACKAGE)
  return()
endif()

set(PACKAGING ${CMAKE_SOURCE_DIR}/packaging)
set(UNIT_DIR lib/systemd/system)

foreach(part gateway broker)
  install(FILES ${PACKAGING}/debian/${part}.env DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/kibray
    RENAME ${part}.env PERMISSIONS OWNER_READ OWNER_WRITE COMPONENT ${part})
  install(FILES ${PACKAGING}/systemd/kibray-${part}.service DESTINATION ${UNIT_DIR} COMPONENT ${part})
  install(FILES ${PACKAGING}/systemd/kibray-${part}.sysusers DESTINATION lib/sysusers.d
    RENAME kibray-${part}.conf COMPONENT ${part})
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/kibray-${part} RENAME copyright COMPONENT ${part})
  install(FILES docs/config.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/kibray-${part} COMPONENT ${part})
endforeach()
install(FILES ${PACKAGING}/systemd/kibray-migrate.service DESTINATION ${UNIT_DIR} COMPONENT broker)
install(FILES ${PACKAGING}/systemd/kibray-broker.tmpfiles DESTINATION lib/tmpfiles.d
  RENAME kibray-broker.conf COMPONENT broker)

set(CPACK_COMPONENTS_ALL gateway broker)
if(EXISTS ${CMAKE_SOURCE_DIR}/web/dist/index.html)
  list(APPEND CPACK_COMPONENTS_ALL web)
  install(DIRECTORY web/dist/ DESTINATION ${CMAKE_INSTALL_DATADIR}/kibray/web COMPONENT web PATTERN ".*" EXCLUDE)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/kibray-web RENAME copyright COMPONENT web)
endif()

set(CPACK_PACKAGE_NAME kibray)
set(CPACK_PACKAGE_VENDOR "The Kibray Realtime developers")
set(CPACK_PACKAGE_CONTACT "The Kibray Realtime developers <kibray@localhost>")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_COMPONENT_GATEWAY_DESCRIPTION "Chat over WebSockets: the daemon that has the sockets")
set(CPACK_COMPONENT_BROKER_DESCRIPTION "Chat over WebSockets: the daemon that authenticates, stores and fans out")
set(CPACK_COMPONENT_WEB_DESCRIPTION "Chat over WebSockets: the web application, served by kibray-gateway")

# systemd as the manager of services, or at least its makers of users and directories.
set(SYSUSERS "systemd | systemd-standalone-sysusers")
set(TMPFILES "systemd | systemd-standalone-tmpfiles")
foreach(part gateway broker)
  string(TOUPPER ${part} PART)
  set(CPACK_DEBIAN_${PART}_PACKAGE_NAME kibray-${part})
  set(CPACK_DEBIAN_${PART}_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_${PART}_PACKAGE_CONTROL_EXTRA ${PACKAGING}/debian/${part}/postinst
    ${PACKAGING}/debian/${part}/prerm ${PACKAGING}/debian/${part}/postrm ${PACKAGING}/debian/${part}/conffiles)
endforeach()
# libwebsockets loads its plugin for libev at run time.
set(CPACK_DEBIAN_GATEWAY_PACKAGE_DEPENDS "libwebsockets-evlib-ev, ${SYSUSERS}")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_SUGGESTS "kibray-web")
set(CPACK_DEBIAN_BROKER_PACKAGE_DEPENDS "ca-certificates, ${SYSUSERS}, ${TMPFILES}")
set(CPACK_DEBIAN_BROKER_PACKAGE_SUGGESTS "postgresql, redis-server")
set(CPACK_DEBIAN_WEB_PACKAGE_NAME kibray-web)
set(CPACK_DEBIAN_WEB_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_WEB_PACKAGE_SECTION web)

include(CPack)
