package container

import (
	"os"
	"time"

	"github.com/opencontainers/go-digest"
)

// The fields below have the names that `docker inspect` prints, so that people's --format templates work.

// A Container is what a container was created with: container.json.
type Container struct {
	ID       string `json:"Id"`
	Created  time.Time
	Name     string // without a slash
	Path     string // the program
	Args     []string
	Image    string        // its image's ID
	Manifest digest.Digest // of the image: keeps its blobs from being swept
	Layers   []string      // names of the layers' directories, the lowest first

	Config     Config
	HostConfig HostConfig
	Mounts     []MountPoint
	Command    []string // the command line that created it: `inspect --run`
	Endpoints  []Endpoint

	store *Store
	lock  *os.File // held by this command; nil if it is not
}

// An Endpoint is a network that the container is to be in.
type Endpoint struct {
	Network    string   // its name; bridge is the default network
	Aliases    []string `json:",omitempty"` // further names
	IPAddress  string   `json:",omitempty"` // that was asked for
	MacAddress string   `json:",omitempty"`
}

// A Config is the part that an image can give a default for.
type Config struct {
	Hostname     string
	Domainname   string
	User         string
	ExposedPorts map[string]struct{} `json:",omitempty"` // 80/tcp
	Tty          bool
	OpenStdin    bool
	StdinOnce    bool
	Env          []string
	Cmd          []string
	Image        string // as it was named
	Volumes      map[string]struct{}
	WorkingDir   string
	Entrypoint   []string
	Labels       map[string]string
	StopSignal   string       `json:",omitempty"`
	StopTimeout  *int         `json:",omitempty"` // seconds
	Healthcheck  *Healthcheck `json:",omitempty"`
	Shell        []string     `json:",omitempty"` // of the image: what a test that is one text is given to
}

// A HostConfig is the part that depends on the host.
type HostConfig struct {
	Binds           []string
	Tmpfs           map[string]string `json:",omitempty"` // path: options
	ContainerIDFile string
	LogConfig       LogConfig
	NetworkMode     string // bridge, none, host, container:ID
	PortBindings    map[string][]PortBinding
	PublishAllPorts bool
	RestartPolicy   RestartPolicy
	AutoRemove      bool
	Runtime         string
	Privileged      bool
	CapAdd          []string
	CapDrop         []string
	SecurityOpt     []string
	ReadonlyRootfs  bool
	DNS             []string `json:"Dns"`
	DNSSearch       []string `json:"DnsSearch"`
	DNSOptions      []string `json:"DnsOptions"`
	ExtraHosts      []string
	GroupAdd        []string
	IpcMode         string
	PidMode         string
	UTSMode         string
	CgroupnsMode    string
	UsernsMode      string
	OomScoreAdj     int
	ShmSize         int64
	Sysctls         map[string]string `json:",omitempty"`
	Annotations     map[string]string `json:",omitempty"`
	Init            bool
	Devices         []DeviceMapping
	Ulimits         []Ulimit
	HealthOnFailure string `json:",omitempty"` // none, kill, restart, stop

	Resources
}

// Resources are the limits; `update` changes them. 0 is no limit.
type Resources struct {
	Memory            int64 // bytes, as all sizes
	MemorySwap        int64 // memory and swap together; -1: no limit of swap
	MemoryReservation int64
	NanoCpus          int64 // 1,000,000,000 is one processor
	CpuShares         int64
	CpuPeriod         int64 // microseconds
	CpuQuota          int64
	CpusetCpus        string
	CpusetMems        string
	PidsLimit         int64 // -1: no limit
}

// A LogConfig says how much of the output is kept.
type LogConfig struct {
	Type   string
	Config map[string]string // max-size, max-file
}

// A PortBinding is a port of the host that leads to one of the container's.
type PortBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// A RestartPolicy says when a container that has ended is started again: Name is no, always, unless-stopped or on-failure.
type RestartPolicy struct {
	Name              string
	MaximumRetryCount int
}

// A DeviceMapping is a device of the host in the container.
type DeviceMapping struct {
	PathOnHost        string
	PathInContainer   string
	CgroupPermissions string // of rwm
}

// An Ulimit is a limit of setrlimit(2), by its short name: nofile.
type Ulimit struct {
	Name string
	Soft int64 // -1: none
	Hard int64
}

// A MountPoint is a directory or file of the host, or a volume, in the container.
type MountPoint struct {
	Type        string // bind, volume, tmpfs
	Name        string `json:",omitempty"` // the volume's
	Source      string
	Destination string
	Mode        string // further options, separated by commas
	RW          bool
	Propagation string
	Anonymous   bool `json:",omitempty"` // the volume goes with the container
}
