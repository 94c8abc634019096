namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// Slows a publisher of large messages down while consumers that do take messages are behind it: what they do not take soon has to be paged out and read
/// back, which costs more than all the rest. The pauses are short, and the more often the longer the backlog is; they never stop anybody.
/// </summary>
internal struct PublisherPace
{
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    // A pause for each megabyte at this backlog, for each half of one at twice as much.
    private const long Ease = 8L * 1024 * 1024 * 1024 * 1024;
    private const long LeastBacklog = 4 * 1024 * 1024;

    private long _published;

    /// <summary>Whether it is time for a pause.</summary>
    /// <param name="published">How much the connection has published in all.</param>
    /// <param name="backlog">How much is ready where it published last and consumers take messages; 0 where there is no hurry.</param>
    public bool IsPauseDue(long published, long backlog)
    {
        if (backlog < LeastBacklog)
        {
            _published = published;
            return false;
        }

        if (published - _published < Ease / backlog)
        {
            return false;
        }

        _published = published;
        return true;
    }
}
