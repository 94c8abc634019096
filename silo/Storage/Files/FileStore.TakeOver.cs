namespace Granary.Silo.Storage.Files;

internal sealed partial class FileStore
{
    /// <summary>Those that wait for their turn to write; locked by itself.</summary>
    private readonly List<TakeOver> _takeOvers = [];

    public async Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation)
    {
        var request = new TakeOver(identity, atLeast);
        lock (_takeOvers)
        {
            _takeOvers.Add(request);
        }

        // Who comes first takes over for all that wait: one sync for many queues.
        await _writing.WaitAsync(CancellationToken.None);
        try
        {
            cancellation.ThrowIfCancellationRequested();
            if (!request.IsDone)
            {
                TakeOverAll();
            }
        }
        finally
        {
            lock (_takeOvers)
            {
                _takeOvers.Remove(request);
            }

            _writing.Release();
        }

        var queue = request.Result();
        Offer(queue, identity);
        return new FileQueue(identity, request.Epoch) { Log = queue, Backlog = new BacklogReader(Reader, _gate).Read(queue, identity) };
    }

    private void TakeOverAll()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        TakeOver[] requests;
        lock (_takeOvers)
        {
            requests = [.. _takeOvers.Where(request => !request.IsDone)];
        }

        _buffer.Clear();
        var epochs = new Dictionary<QueueIdentity, (ulong Number, long Epoch)>();
        foreach (var request in requests)
        {
            var queue = _state.Find(request.Identity);
            var (number, earlier) = epochs.TryGetValue(request.Identity, out var known) ? known : (queue?.Number ?? _state.NextNumber++, queue?.Epoch ?? 0);
            request.Epoch = Math.Max(earlier + 1, request.AtLeast);
            epochs[request.Identity] = (number, request.Epoch);
            _buffer.AddQueue(number, request.Identity, request.Epoch, queue);
        }

        try
        {
            Commit(sync: true, freesSpace: true);
        }
        catch (Exception e) when (e is StoreUnavailableException or StoreLostException)
        {
            foreach (var request in requests)
            {
                request.Fail(e);
            }

            return;
        }

        foreach (var request in requests)
        {
            var queue = _state.Find(request.Identity)!;
            try
            {
                new BacklogReader(Reader, _gate).DropTransient(queue);
                request.Complete(queue);
            }
            catch (StoreException e)
            {
                request.Fail(e);
            }
        }
    }
}
