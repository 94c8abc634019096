namespace Granary.Core.Threads;

/// <summary>A little work that must not block: it runs by itself on some thread, see <see cref="TurnThread"/>. An exception ends the process.</summary>
public interface ITurn : IThreadPoolWorkItem
{
    void Run();

    /// <summary>It is done on the thread where it was set going, however long that has been busy: what it has to do takes less than waking another.</summary>
    bool IsBrief => false;

    void IThreadPoolWorkItem.Execute() => TurnThread.Run(this);
}
