package check

const sysSetns = 308
