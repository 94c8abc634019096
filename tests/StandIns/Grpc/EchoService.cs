using Granary.StandIns.Tests.Grpc.Wire;
using Grpc.Core;

namespace Granary.StandIns.Tests.Grpc;

/// <summary>Answers with what it is sent, fails as it is told, and records how calls ended.</summary>
internal sealed class EchoService(EchoEvents events) : Echo.EchoBase
{
    public override async Task<EchoResponse> Unary(EchoRequest request, ServerCallContext context)
    {
        events.Peer = context.Peer;
        events.Deadline = context.Deadline;
        if (request.Hang)
        {
            await HangAsync(request, context);
        }

        await EchoHeadersAsync(context);
        Fail(request, context);
        return new EchoResponse { Text = request.Text, Body = request.Body };
    }

    public override async Task ServerStream(EchoRequest request, IServerStreamWriter<EchoResponse> responseStream, ServerCallContext context)
    {
        await EchoHeadersAsync(context);
        for (var number = 1; number <= request.Count; number++)
        {
            await responseStream.WriteAsync(new EchoResponse { Text = request.Text, Body = request.Body, Number = number }, context.CancellationToken);
            events.Written = number;
        }

        if (request.Hang)
        {
            await HangAsync(request, context);
            await responseStream.WriteAsync(new EchoResponse { Text = "too late" });
        }

        Fail(request, context);
    }

    public override async Task<EchoResponse> ClientStream(IAsyncStreamReader<EchoRequest> requestStream, ServerCallContext context)
    {
        var response = new EchoResponse();
        events.Hanging.TrySetResult();
        try
        {
            while (await requestStream.MoveNext(context.CancellationToken))
            {
                response.Number++;
                response.Text += requestStream.Current.Text;
                Fail(requestStream.Current, context);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException
            || (exception is InvalidOperationException && context.CancellationToken.IsCancellationRequested))
        {
            // A read that had not begun when the client went is an InvalidOperationException, here as with the original.
            events.Cancelled.TrySetResult();
            throw;
        }

        return response;
    }

    public override async Task Duplex(IAsyncStreamReader<EchoRequest> requestStream, IServerStreamWriter<EchoResponse> responseStream, ServerCallContext context)
    {
        var number = 0;
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            Fail(request, context);
            await responseStream.WriteAsync(new EchoResponse { Text = request.Text, Body = request.Body, Number = ++number });
        }
    }

    private static void Fail(EchoRequest request, ServerCallContext context)
    {
        if (request.Crash)
        {
            throw new InvalidDataException(request.Text);
        }

        if (request.FailCode != 0)
        {
            context.ResponseTrailers.Add("from-context", "yes");
            throw new RpcException(new Status((StatusCode)request.FailCode, request.Text), new Metadata { { "from-exception", "yes" }, { "raw-bin", [0, 1, 255] } });
        }
    }

    /// <summary>Headers that start with echo- come back as headers, those with trail- as trailers.</summary>
    private static async Task EchoHeadersAsync(ServerCallContext context)
    {
        var headers = new Metadata();
        foreach (var entry in context.RequestHeaders)
        {
            if (entry.Key.StartsWith("echo-", StringComparison.Ordinal))
            {
                headers.Add(entry);
            }
            else if (entry.Key.StartsWith("trail-", StringComparison.Ordinal))
            {
                context.ResponseTrailers.Add(entry);
            }
        }

        if (headers.Count > 0)
        {
            await context.WriteResponseHeadersAsync(headers);
        }
    }

    private async Task HangAsync(EchoRequest request, ServerCallContext context)
    {
        events.Hanging.TrySetResult();
        try
        {
            await Task.Delay(System.Threading.Timeout.Infinite, context.CancellationToken);
        }
        catch (OperationCanceledException)
        {
            events.Cancelled.TrySetResult();
            if (!request.Stubborn)
            {
                throw;
            }

            await events.Release.Task;
        }
    }
}

/// <summary>What the service tells its test.</summary>
internal sealed class EchoEvents
{
    public TaskCompletionSource Hanging { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public volatile int Written;

    public string? Peer { get; set; }

    public DateTime Deadline { get; set; }
}
