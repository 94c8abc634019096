using System.Net;
using System.Net.Sockets;
using Granary.Gateway.Grpc;
using Granary.Gateway.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>A client of HTTP/2 that asks for a stream and stops reading its socket.</summary>
public sealed class UnreadStreamTests
{
    private const int Patience = 30_000;

    // Frames by RFC 9113: the preface, windows as large as they may be, and a GET of / on stream 1.
    private static readonly byte[] Request =
    [
        .. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
        0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7F, 0xFF, 0xFF, 0xFF,
        0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7F, 0xFE, 0xFF, 0xFF,
        0, 0, 14, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 9, .. "localhost"u8,
    ];

    [Fact]
    public async Task Client_ThatReadsNothing_IsCutOff()
    {
        ListenOptions? listener = null;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(provider => new UnreadSockets(
            TimeSpan.FromSeconds(1), TimeProvider.System, provider.GetRequiredService<ILogger<UnreadSockets>>()));
        builder.Services.AddHostedService(provider => provider.GetRequiredService<UnreadSockets>());
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.LimitGrpc();
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                (listener = listen).Protocols = HttpProtocols.Http2;
                kestrel.ApplicationServices.GetRequiredService<UnreadSockets>().Watch(listen);
            });
        });
        await using var app = builder.Build();
        app.MapGet("/", context => StreamAsync(context, ended));
        await app.StartAsync();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = Patience };
        await client.ConnectAsync(listener!.IPEndPoint!);

        await client.SendAsync(Request);

        await ended.Task.WaitAsync(TimeSpan.FromMilliseconds(Patience));
    }

    // More than both sockets take.
    private static async Task StreamAsync(HttpContext context, TaskCompletionSource ended)
    {
        context.RequestAborted.Register(ended.SetResult);
        var part = new byte[64 * 1024];
        while (!context.RequestAborted.IsCancellationRequested)
        {
            await context.Response.Body.WriteAsync(part);
        }
    }
}
