using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tests.Tracing;

/// <summary>A span as it came over the wire. Ids are in hexadecimal; the parent's is empty where there is none.</summary>
internal sealed record ReceivedSpan(string Trace, string Id, string Parent, string Name, int Kind, IReadOnlyDictionary<string, string> Attributes, IReadOnlyDictionary<string, string> Resource);

/// <summary>A collector that takes traces by OTLP, over gRPC or in protobuf over HTTP (opentelemetry/proto/collector/trace/v1).</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    // A byte that says whether it is compressed, and four for the length.
    private const int GrpcPrefix = 5;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private readonly SemaphoreSlim _more = new(0);
    private readonly WebApplication _app;

    private OtlpReceiver(HttpProtocols protocols)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocols));
        _app = builder.Build();
        _app.MapPost("/v1/traces", async context =>
        {
            Read(await BodyAsync(context));
            context.Response.ContentType = "application/x-protobuf";
        });
        _app.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", async context =>
        {
            Read((await BodyAsync(context))[GrpcPrefix..]);
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.WriteAsync(new byte[GrpcPrefix]);
            context.Response.AppendTrailer("grpc-status", "0");
        });
    }

    public string Address => _app.Urls.Single();

    /// <param name="isGrpc">It speaks gRPC; else HTTP.</param>
    public static async Task<OtlpReceiver> StartAsync(bool isGrpc)
    {
        var receiver = new OtlpReceiver(isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>All that came so far.</summary>
    public IReadOnlyCollection<ReceivedSpan> All => _spans;

    /// <summary>Waits until so many spans of a trace are there, and answers with them.</summary>
    public async Task<ReceivedSpan[]> WaitForAsync(Func<ReceivedSpan, bool> which, int count)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            if (_spans.Where(which).ToArray() is { } found && found.Length >= count)
            {
                return found;
            }

            await _more.WaitAsync(patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _more.Dispose();
    }

    private static async Task<byte[]> BodyAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    // ExportTraceServiceRequest: resource_spans = 1. ResourceSpans: resource = 1, scope_spans = 2. ScopeSpans: spans = 2.
    private void Read(byte[] request)
    {
        foreach (var (_, ofResource) in Fields(request, 1))
        {
            var resource = Fields(ofResource, 1).SelectMany(field => Attributes(field.Value, 1)).ToDictionary(StringComparer.Ordinal);
            foreach (var (_, ofScope) in Fields(ofResource, 2))
            {
                foreach (var (_, span) in Fields(ofScope, 2))
                {
                    _spans.Enqueue(ToSpan(span, resource));
                }
            }
        }

        _more.Release();
    }

    // Span: trace_id = 1, span_id = 2, parent_span_id = 4, name = 5, kind = 6, attributes = 9.
    private static ReceivedSpan ToSpan(byte[] span, IReadOnlyDictionary<string, string> resource)
    {
        var kind = 0;
        var input = new CodedInputStream(span);
        while (input.ReadTag() is not 0 and var tag)
        {
            if (tag == WireFormat.MakeTag(6, WireFormat.WireType.Varint))
            {
                kind = input.ReadEnum();
            }
            else
            {
                input.SkipLastField();
            }
        }

        return new ReceivedSpan(
            Hex(1), Hex(2), Hex(4), string.Concat(Fields(span, 5).Select(static field => System.Text.Encoding.UTF8.GetString(field.Value))), kind,
            Attributes(span, 9).ToDictionary(StringComparer.Ordinal), resource);

        string Hex(int number) => string.Concat(Fields(span, number).Select(static field => Convert.ToHexStringLower(field.Value)));
    }

    // KeyValue: key = 1, value = 2. AnyValue: string_value = 1, bool_value = 2, int_value = 3.
    private static IEnumerable<KeyValuePair<string, string>> Attributes(byte[] message, int number)
    {
        foreach (var (_, pair) in Fields(message, number))
        {
            var value = "";
            var input = new CodedInputStream(Fields(pair, 2).Single().Value);
            while (input.ReadTag() is not 0 and var tag)
            {
                switch (WireFormat.GetTagFieldNumber(tag))
                {
                    case 1:
                        value = input.ReadString();
                        break;
                    case 2:
                        value = input.ReadBool() ? "true" : "false";
                        break;
                    case 3:
                        value = input.ReadInt64().ToString(CultureInfo.InvariantCulture);
                        break;
                    default:
                        input.SkipLastField();
                        break;
                }
            }

            yield return new(System.Text.Encoding.UTF8.GetString(Fields(pair, 1).Single().Value), value);
        }
    }

    /// <summary>All fields of this number, which have a length.</summary>
    private static List<(int Number, byte[] Value)> Fields(byte[] message, int number)
    {
        var fields = new List<(int, byte[])>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is not 0 and var tag)
        {
            if (WireFormat.GetTagFieldNumber(tag) == number && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
            {
                fields.Add((number, input.ReadBytes().ToByteArray()));
            }
            else
            {
                input.SkipLastField();
            }
        }

        return fields;
    }
}
