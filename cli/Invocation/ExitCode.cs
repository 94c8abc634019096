namespace Granary.Cli.Invocation;

/// <summary>What the process ends with: the numbers of sysexits.h that rabbitmqctl uses.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>An argument is wrong, or names what is not there.</summary>
    public const int Data = 65;

    public const int NoUser = 67;

    /// <summary>The broker is out of reach, or cannot do it.</summary>
    public const int Unavailable = 69;

    /// <summary>The broker refused it.</summary>
    public const int Software = 70;

    /// <summary>It took too long.</summary>
    public const int TemporaryFailure = 75;

    /// <summary>The user may not do it.</summary>
    public const int Configuration = 78;
}
