using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>A server's address and the HTTP/2 connections to it; http addresses are spoken to without TLS (h2c).</summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly bool _ownsInvoker;
    private int _disposed;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        if (options is { HttpClient: not null, HttpHandler: not null })
        {
            throw new ArgumentException("HttpClient and HttpHandler have been configured. Only one HTTP caller can be specified.");
        }

        Address = address;
        Options = options;
        _ownsInvoker = options.DisposeHttpClient || (options.HttpClient is null && options.HttpHandler is null);
        Invoker = options.HttpClient ?? new HttpMessageInvoker(
            options.HttpHandler ?? new SocketsHttpHandler { EnableMultipleHttp2Connections = true, UseProxy = false }, _ownsInvoker);
    }

    internal Uri Address { get; }

    internal GrpcChannelOptions Options { get; }

    internal HttpMessageInvoker Invoker { get; }

    public static GrpcChannel ForAddress(string address) => ForAddress(new Uri(address));

    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions) => ForAddress(new Uri(address), channelOptions);

    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(channelOptions);
        return address.Scheme is "http" or "https"
            ? new GrpcChannel(address, channelOptions)
            : throw new ArgumentException($"No address resolver configured for the scheme '{address.Scheme}'.", nameof(address));
    }

    public override CallInvoker CreateCallInvoker()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return new HttpCallInvoker(this);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && _ownsInvoker)
        {
            Invoker.Dispose();
        }
    }

    protected override Task ShutdownAsyncCore()
    {
        Dispose();
        return Task.CompletedTask;
    }
}
