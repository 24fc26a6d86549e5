/** When a scheduled pipeline is due: a cron expression in a time zone. */
import { Cron } from 'croner'
import type { Pipeline } from './config.js'
import type { Fault } from './config-errors.js'

export type ScheduleConfig = NonNullable<Pipeline['schedule']>

export interface Timetable {
  /** The first time after this one, or undefined where there is none any more. */
  next(after: Date): Date | undefined
  /** The last time at or before this one, or undefined. */
  last(until: Date): Date | undefined
}

/**
 * A timetable of five fields, read as in crontab(5): where day of month and day of week are both given, either will
 * do. Where the clock is put forward over a due time, it is due right after the gap; where it is put back, a time that
 * comes twice counts once.
 */
export function timetable({ cron, timezone }: ScheduleConfig): Timetable {
  const due = new Cron(cron, { mode: '5-part', timezone, paused: true })
  return {
    next: after => due.nextRun(after) ?? undefined,
    // The moment itself counts, which croner leaves out.
    last: until => due.previousRuns(1, new Date(until.getTime() + 1))[0],
  }
}

/** What is wrong with a pipeline's schedule. */
export function scheduleFaults({ schedule }: Pipeline): Fault[] {
  if (schedule === undefined) return []
  try {
    new Intl.DateTimeFormat('en', { timeZone: schedule.timezone })
  } catch {
    return [
      {
        path: ['schedule', 'timezone'],
        message: `there is no time zone "${schedule.timezone}"`,
        mend: 'Use a name of the IANA database, such as Europe/Berlin or UTC.',
      },
    ]
  }
  const path = ['schedule', 'cron']
  try {
    if (timetable(schedule).next(new Date(0)) !== undefined) return []
    return [{ path, message: `"${schedule.cron}" never comes`, mend: 'Look at its day and month.' }]
  } catch (error) {
    const reason = (error as Error).message.replace(/^CronPattern: /, '')
    return [
      {
        path,
        message: `"${schedule.cron}" is no cron expression: ${reason}`,
        mend: 'Five fields: minute, hour, day of month, month, day of week; 0 3 * * * is every night at three.',
      },
    ]
  }
}
