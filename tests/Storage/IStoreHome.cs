using Granary.Silo.Storage;

namespace Granary.Storage.Tests;

/// <summary>Where a store under test keeps what it is given, from one opening to the next.</summary>
internal interface IStoreHome : IAsyncDisposable
{
    /// <summary>A store on this home that is not open yet.</summary>
    IMessageStore NewStore();

    /// <summary>Leaves a store as the death of its process would: what it wrote is there, and nothing of it goes on.</summary>
    Task CrashAsync(IMessageStore store);
}
