using Granary.Amqp;
using Granary.Core.Access;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Gateway.Access;
using Granary.Gateway.Figures;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Tracing;
using Grpc.Core;

namespace Granary.Gateway.Grpc;

/// <summary>
/// A call of two streams with links of its own: one loop reads requests, one writes what there is to say, each as fast as its side of the
/// stream lets it. Its state is touched by both and by the links, always under <see cref="LinkSet.Gate"/>.
/// </summary>
internal abstract class DuplexSession<TRequest, TResponse>(
    GrpcServer server, Caller caller, IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, ServerCallContext context) : IClientStream
    where TRequest : class
    where TResponse : class
{
    // A client that does not read the rest of its responses gets no status either.
    private static readonly TimeSpan LastWordsTimeout = TimeSpan.FromSeconds(5);

    private readonly WakeUp _wakeUp = new();
    private readonly CancellationTokenSource _forbidden = new();
    private string? _whyForbidden;
    private bool _failed;

    protected GrpcServer Server => server;

    public Caller Caller => caller;

    public MessageCounts Counts => Links.Counts;

    public CountHistory History { get; } = new(server.Clock.GetUtcNow().ToUnixTimeMilliseconds());

    public virtual ConsumerView? Consumer => null;

    protected LinkSet Links { get; } = server.Open(caller.Vhost);

    /// <summary>What the user may do.</summary>
    protected ClientRights Rights { get; } = new(caller.Access ?? server.Access, caller.User, caller.Vhost);

    /// <summary>Null: the vhost is not traced.</summary>
    protected ClientTrace? Trace { get; private set; }

    /// <summary>Of the connection; 0: it has none.</summary>
    protected int Number { get; private set; }

    /// <summary>Nothing more will be said. Under the gate.</summary>
    protected abstract bool IsComplete { get; }

    /// <summary>Runs until both streams have ended, and leaves nothing behind.</summary>
    public async Task RunAsync()
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, server.Stopping, _forbidden.Token);
        var connection = Connection;
        Number = connection?.Enter(this) ?? 0;
        Rights.Follow(OnRightsChanged);
        var writing = WriteLoopAsync(ended);
        try
        {
            while (await requests.MoveNext(ended.Token).ConfigureAwait(false))
            {
                await OnRequestAsync(requests.Current, ended.Token).ConfigureAwait(false);
            }

            await OnRequestsEndedAsync(ended.Token).ConfigureAwait(false);
            Wake();
            await writing.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (server.Stopping.IsCancellationRequested)
        {
            throw CallErrors.Stopping();
        }
        catch (OperationCanceledException) when (_whyForbidden is not null)
        {
            throw CallErrors.Of(ReplyCode.ConnectionForced, _whyForbidden);
        }
        catch (OperationCanceledException) when (writing.IsFaulted || !context.CancellationToken.IsCancellationRequested)
        {
            // What the writer ran into, or is about to say that it did, is the reason for the cancellation.
            await writing.ConfigureAwait(false);
            throw;
        }
        finally
        {
            connection?.Leave(Number);
            Rights.Leave();
            await FinishAsync(writing).ConfigureAwait(false);
            _forbidden.Dispose();
        }
    }

    private GrpcConnection? Connection => context.GetHttpContext().Features.Get<GrpcConnection>();

    /// <inheritdoc/>
    public void End(string reason)
    {
        lock (Links.Gate)
        {
            if (!_failed)
            {
                _whyForbidden ??= reason;
                _ = _forbidden.CancelAsync();
            }
        }
    }

    /// <summary>There may be something to say.</summary>
    protected void Wake() => _wakeUp.Call();

    protected abstract ValueTask OnRequestAsync(TRequest request, CancellationToken cancellationToken);

    /// <summary>The client has half-closed.</summary>
    protected abstract ValueTask OnRequestsEndedAsync(CancellationToken cancellationToken);

    /// <summary>What is to be said now, or null. Under the gate.</summary>
    protected abstract TResponse? TakeResponse();

    /// <summary>The user's rights have changed, or may have. Under the gate.</summary>
    protected virtual void OnRights(Rights now)
    {
    }

    /// <summary>The last response is on its way. Under the gate.</summary>
    protected virtual void OnWritten()
    {
    }

    /// <summary>The streams have ended; the links are closed next. Under the gate.</summary>
    protected virtual void OnEnded()
    {
    }

    // On return nothing is done by the former rights any more.
    private void OnRightsChanged()
    {
        lock (Links.Gate)
        {
            Links.EndPaths();
            if (_failed || Rights.Take() is not { } now)
            {
                return;
            }

            if (now.WhyClosed is { } why)
            {
                _whyForbidden = why;
                _ = _forbidden.CancelAsync();
                return;
            }

            Trace = server.Firehose?.For(Trace, now, () => ConnectionNames.Of(Connection?.Peer, Connection?.Local));
            OnRights(now);
            Links.Flush();
        }

        Wake();
    }

    private async Task FinishAsync(Task writing)
    {
        lock (Links.Gate)
        {
            _failed = true;
        }

        Wake();
        try
        {
            await writing.WaitAsync(LastWordsTimeout, server.Clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!writing.IsCompleted)
            {
                context.GetHttpContext().Abort();
                await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            lock (Links.Gate)
            {
                OnEnded();
                Links.Flush();
            }

            await server.CloseAsync(Links).ConfigureAwait(false);
        }
    }

    private async Task WriteLoopAsync(CancellationTokenSource ended)
    {
        try
        {
            while (true)
            {
                TResponse? response;
                lock (Links.Gate)
                {
                    response = _failed ? null : TakeResponse();
                    if (response is null && (_failed || IsComplete))
                    {
                        return;
                    }
                }

                if (response is null)
                {
                    await _wakeUp.WaitAsync(CancellationToken.None).ConfigureAwait(false);
                    continue;
                }

                await responses.WriteAsync(response).ConfigureAwait(false);
                lock (Links.Gate)
                {
                    OnWritten();
                    Links.Flush();
                }
            }
        }
        catch
        {
            await ended.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }
}
