namespace Grpc.Net.Client;

/// <summary>How a channel connects, and its limits.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>Bytes; null for no limit, which is the default.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Bytes; null for no limit, 4 MiB by default.</summary>
    public int? MaxReceiveMessageSize { get; set; } = 4 * 1024 * 1024;

    /// <summary>Instead of <see cref="HttpHandler"/>.</summary>
    public HttpClient? HttpClient { get; set; }

    /// <summary>By default a <see cref="SocketsHttpHandler"/> of the channel's own.</summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>The channel disposes a client or handler given to it.</summary>
    public bool DisposeHttpClient { get; set; }
}
