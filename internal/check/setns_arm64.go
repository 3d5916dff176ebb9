package check

const sysSetns = 268
