using System.CommandLine;
using Granary.Gateway.Hosting;
using Granary.Node.Configuration;
using Granary.Silo.Hosting;

namespace Granary.Node.Options;

/// <summary>The options of what clients may do, and how much of the machine is used.</summary>
internal sealed class LimitGroup(Settings settings)
{
    // As RabbitMQ bounds it.
    private const int LargestMessage = 512 * 1024 * 1024;

    private readonly Option<TimeSpan> _send = settings.Of(
        "--send-timeout", TimeSpan.FromSeconds(30), "How many seconds a client may leave what it is sent untouched before its connection is cut; 0 is for ever.", SettingText.Seconds);

    private readonly Option<TimeSpan> _consumer = settings.Of(
        "--consumer-timeout", TimeSpan.FromMinutes(30), "How many seconds a delivery may stay unacknowledged before its channel is closed; 0 is for ever.", SettingText.AnyTime);

    private readonly Option<TimeSpan> _handshake = settings.Of(
        "--handshake-timeout", TimeSpan.FromSeconds(10), "How many seconds a client of AMQP may take from connecting to connection.open.", SettingText.Timeout);

    private readonly Option<int> _heartbeat = settings.Of(
        "--heartbeat", 60, "The interval of heartbeats that clients are offered, in seconds, 0 to 65535; 0 offers none.", SettingText.Number(0, ushort.MaxValue));

    private readonly Option<int> _channels = settings.Of("--channel-max", 2047, "How many channels a connection may have, 1 to 65535; 0 is 65535.", SettingText.Number(0, ushort.MaxValue));
    private readonly Option<int> _frame = settings.Of("--frame-max", 131072, "The largest frame, in bytes, 8192 to 16777216.", SettingText.Size(8192, 16 * 1024 * 1024));
    private readonly Option<int> _message = settings.Of("--max-message-size", 16 * 1024 * 1024, "The largest message body, 1 to 512MiB.", SettingText.Size(1, LargestMessage));
    private readonly Option<MemoryWatermark> _memory = settings.Of(
        "--memory-watermark", new MemoryWatermark(0.6), "The share of its memory that the process may use before publishers are held, such as 0.6, or how much, such as 2GB.", MemoryWatermark.Parse);

    private readonly Option<DiskFreeLimit> _disk = settings.Of(
        "--disk-free-limit", new DiskFreeLimit(50_000_000), "How much room the disk of --data has to have before publishers are held, such as 50MB, or 1.5*memory.", DiskFreeLimit.Parse);

    private readonly Option<string> _clusterName = settings.Of("--cluster-name", "granary", "The name of the cluster that clients are told.", text => text);

    public GatewayOptions AddTo(GatewayOptions gateway, ParseResult result)
    {
        var (channels, memory) = (result.GetValue(_channels), result.GetValue(_memory));
        return gateway with
        {
            SendTimeout = result.GetValue(_send),
            ConsumerTimeout = result.GetValue(_consumer),
            HandshakeTimeout = result.GetValue(_handshake),
            Heartbeat = TimeSpan.FromSeconds(result.GetValue(_heartbeat)),
            ChannelMax = channels == 0 ? ushort.MaxValue : (ushort)channels,
            FrameMax = result.GetValue(_frame),
            MaxMessageSize = result.GetValue(_message),
            MemoryWatermark = memory.Share,
            MemoryLimit = memory.Octets,
            ClusterName = result.GetValue(_clusterName)!,
        };
    }

    public StoreOptions AddTo(StoreOptions store, ParseResult result) => store with { DiskFreeLimit = result.GetValue(_disk).Octets };
}
